"""What there is to see, said in words that are computed from the numbers, so
that they turn when the numbers do."""

import math

from data import with_size
from results import STAGE, overlap
from words import duration, listing, sentence, times

# A cost grows in step with the keys where its slope on logarithmic axes is at
# least IN_STEP, and hardly grows below HARDLY.
IN_STEP = 0.8
HARDLY = 0.2
# Rounds that lie further apart than this part of the median are pointed out.
WIDE = 0.25


def versus(one, other, who=''):
    """How one result stands to another, as a verb: 'takes 1.3 times as long
    as', 'is 2 times as fast as', or that the rounds do not tell. `who` is said
    of the other behind its name."""
    name = other.subject + who
    if overlap(one, other):
        return f'does not differ from {name} beyond the spread of the rounds'
    ratio = one.ns / other.ns
    if ratio >= 1.095:
        return f'takes {times(ratio)} times as long as {name}'
    if ratio <= 1 / 1.095:
        return f'is {times(1 / ratio)} times as fast as {name}'
    percent = round(100 * (max(ratio, 1 / ratio) - 1))
    if percent == 0:
        return f'takes as long as {name}'
    return (f'takes {percent} % longer than {name}' if ratio > 1
            else f'is {percent} % faster than {name}')


def against(one, peers, noun):
    """How many of the peers or tools, fastest first, a result is faster than,
    without those that lie within its noise, and how it stands to the
    fastest."""
    if len(peers) == 1:
        return [versus(one, peers[0])]
    count = sum(one.ns < other.ns and not overlap(one, other) for other in peers)
    than = {0: f'none of the {len(peers)} {noun}',
            len(peers): f'all {len(peers)} {noun}'}.get(
                count, f'{count} of the {len(peers)} {noun}')
    return [f'is faster than {than}',
            versus(one, peers[0], ', the fastest of them,')]


def equals_of(one, results, kind):
    """The peers, tools or limits to hold a stage's result against, fastest first:
    those of its class, and not those that were made for another stage."""
    return sorted((other for other in results if other.kind == kind
                   and other.durability == one.durability
                   and (other.subject.startswith(one.subject)
                        or not STAGE.match(other.subject))),
                  key=lambda other: other.ns)


def stands(one, results):
    """How a stage's result stands to the fastest limit, to the peers and to
    the shell's tools, as verbs."""
    limits = equals_of(one, results, 'limit')
    said = [versus(one, limits[0])] if limits else []
    for kind in ('peer', 'tool'):
        others = equals_of(one, results, kind)
        said += against(one, others, kind + 's') if others else []
    return said


def joined(verbs):
    """Verbs with an "and", to the end of their sentence."""
    return listing(verbs).removesuffix(',') + '.'


def standing(noun, results):
    """How the stages stand to each other, to the peers and to the limits.
    `results` are of one workload, one class and one size."""
    size = with_size(results[0])
    ranked = sorted(results, key=lambda one: one.ns)
    stages = [one for one in ranked if one.kind == 'stage']
    if len(ranked) == 1:
        return sentence(f'{size}{noun} took {duration(ranked[0].ns)} in '
                        f'{ranked[0].subject}')
    if not stages:
        return sentence(
            f'{size}{noun} took least time in {ranked[0].subject}, '
            f'{duration(ranked[0].ns)}, and most in {ranked[-1].subject}, '
            f'{duration(ranked[-1].ns)}')
    best, worst = stages[0], stages[-1]
    once = (' Each of one round: how much of that is chance nobody can tell.'
            if all(len(one.rounds) < 2 for one in ranked) else '')
    text = f'{size}{noun} took {duration(best.ns)} in {best.subject}'
    if len(stages) > 1:
        text += (', from which no stage differs beyond the spread of the rounds'
                 if overlap(best, worst) else
                 f', the fastest stage, and {duration(worst.ns)} in '
                 f'{worst.subject}, the slowest')
    more = stands(best, ranked)
    return sentence(text) + (
        f' {best.subject} {joined(more)}' if more else '') + once


def unsteady(results):
    """Names the result whose rounds lie furthest apart, if that is far."""
    wide = max(results, key=lambda one: one.spread or 0, default=None)
    if wide is None or (wide.spread or 0) < WIDE:
        return ''
    return (f'The rounds of {wide.subject} lie {round(100 * wide.spread)} % of '
            'their median apart.')


def slope(first, last, x):
    return math.log(last.ns / first.ns) / math.log(x(last) / x(first))


def grown(lines, x):
    """Of the lines that have two sizes: (factor of the size, factor of the
    time, slope, subject)."""
    found = []
    for line in lines:
        first, last = line[0], line[-1]
        if x(first) and x(last) and x(last) > x(first):
            found.append((x(last) / x(first), last.ns / first.ns,
                          slope(first, last, x), first.subject))
    return found


def growth(noun, lines, what='keys', x=lambda one: one.n):
    """How the time grows with the size, of each subject's line of results: a
    sentence for those alike."""
    found = grown(lines, x)
    if not found:
        return sentence(f'{noun} was measured {with_size(lines[0][0], " only")}'
                        ': how it grows cannot be told from that')
    alike = {}
    for one in found:
        alike.setdefault((verdict(one), one[0]), []).append(one)
    said = []
    for (text, more), group in sorted(alike.items(), key=lambda one: -max(
            lean for *_, lean, _ in one[1])):
        said.append(sentence(
            f'with {times(more)} times the {what}, {"it" if said else noun} took '
            f'{each(group)}: {text.format(what)}'))
    return ' '.join(said)


def each(group):
    """'90 times as long in 01_scan_log and 92 times in 02_reverse_scan', or,
    of many, from the least to the most."""
    names = [name for *_, name in group]
    took = [took for _, took, *_ in group]
    if len(group) > 2:
        low, high = times(min(took)), times(max(took))
        between = low if low == high else f'{low} to {high}'
        return f'{between} times as long in {listing(names)}'
    if len(group) == 1:
        return f'{as_long(took[0])} in {names[0]}'
    first, *rest = [f'{times(one)} times' for one in took]
    return listing([f'{first} as long in {names[0]}'] + [
        f'{one} in {name}' for one, name in zip(rest, names[1:])])


def verdict(one):
    """What a slope is called."""
    lean = one[2]
    if lean >= IN_STEP:
        return 'in step with the {}'
    if lean >= HARDLY:
        return 'it grows, but less than the {}'
    if lean > -HARDLY:
        return 'it hardly depends on them'
    return 'it falls'


def as_long(ratio):
    return ('about as long' if 0.95 < ratio < 1.05
            else f'{times(ratio)} times as long')


def extremes(noun, lines):
    """The steepest and the flattest of one growth, in a breath."""
    # Slopes that are alike leave the stages in their order.
    found = sorted(grown(lines, lambda one: one.n),
                   key=lambda one: (-round(one[2], 1), one[3]))
    if len(found) < 2:
        return ''
    steep, flat = found[0], found[-1]
    text = (f'With {times(steep[0])} times the keys, {noun} took '
            f'{as_long(steep[1])} in {steep[3]}')
    if steep[2] - flat[2] < HARDLY:
        return f'{text}, and no stage differs much from that.'
    more = ('' if flat[0] == steep[0]
            else f'with {times(flat[0])} times the keys, ')
    return f'{text}; {more}it took {as_long(flat[1])} in {flat[3]}.'
