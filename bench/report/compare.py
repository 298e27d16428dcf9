#!/usr/bin/env python3
"""Sets two results of the benchmarks side by side.

    compare.py [--markdown] A.json B.json

For each result that both have: the median of A's rounds and of B's, how far
the rounds lie from it (half of the range, for each part of the median), the
quotient B / A, and what that means:

within the noise   the ranges of the rounds overlap: one of B's rounds was as
                   fast as one of A's, so the order of the medians tells nothing
within the drift   they do not, but what is the same code in both files, the
                   peers and the limits, moved as much: the quotient lies in
                   the range of the middle eight tenths of theirs
faster, slower     neither of the two
noise unknown      a file has a single round of it, or kept medians only

There are no p-values: a handful of rounds is too few for them, and rounds of
one run lie closer together than runs do."""

import argparse
import statistics
import sys

import markdown
import results
import terminal
from words import NO_BREAK, count_of, duration, listing, number, ratio, times

NOISE, DRIFT, UNKNOWN = 'within the noise', 'within the drift', 'noise unknown'
SLOWER, FASTER = 'slower', 'faster'
MIN_UNCHANGED = 5  # fewer peers and limits tell nothing about a drift
# What makes two runs different runs, if it differs.
CIRCUMSTANCES = (
    ('machine', lambda run: ', '.join(filter(None, (
        run.text('processor'), run.text('num_cpus') and
        f'{run.text("num_cpus")} CPUs')))),
    ('file system', lambda run: run.text('file_system')),
    ('compiler', lambda run: run.text('compiler')),
    ('build type', lambda run: run.build_type),
    ('quick', lambda run: 'yes' if run.flag('quick') else 'no'),
    ('interrupted', lambda run: 'yes' if run.interrupted else 'no'))


def drift(pairs):
    """The range of B / A of what is the same code in both, or None."""
    quotients = [b.ns / a.ns for a, b in pairs if a.kind in ('peer', 'limit')]
    if len(quotients) < MIN_UNCHANGED:
        return None
    tenths = statistics.quantiles(quotients, n=10, method='inclusive')
    return tenths[0], tenths[-1]


def verdict(a, b, unchanged):
    """@returns (what a difference means, the same with how much)."""
    quotient = b.ns / a.ns
    same = results.overlap(a, b)
    if same is None:
        return UNKNOWN, UNKNOWN
    if same:
        return NOISE, NOISE
    if unchanged and unchanged[0] <= quotient <= unchanged[1]:
        return DRIFT, DRIFT
    kind = SLOWER if quotient > 1 else FASTER
    more = max(quotient, 1 / quotient)
    much = (f'{times(more)} times' if more >= 1.095
            else f'{100 * (more - 1):.1f} %')
    return kind, f'{much} {kind}'


def median(one):
    spread = ('' if one.spread is None
              else f' ±{NO_BREAK}{100 * one.spread / 2:.0f}{NO_BREAK}%')
    return duration(one.ns) + spread


def name_of(one):
    """'get_hit/07_bitcask, keys 1,000, value 100'."""
    more = [f'{what} {number(size)}' for what, size in
            ((one.counts or 'n', one.n), ('value', one.value), *one.more)
            if size is not None]
    return ', '.join(['/'.join(filter(None, (one.workload, one.subject))), *more])


def different(run_a, run_b, keys_a, keys_b):
    """What keeps the two from being compared without a second thought."""
    said = [f'{what} differs: A {tell(run_a) or "not told"}, '
            f'B {tell(run_b) or "not told"}'
            for what, tell in CIRCUMSTANCES if tell(run_a) != tell(run_b)]
    for what, part in (('n', 2), ('value', 3)):
        sizes = [{key[part] for key in keys} - {None}
                 for keys in (keys_a, keys_b)]
        if sizes[0] != sizes[1]:
            said.append(f'{what} differs: A ' + ', B '.join(
                listing(map(number, sorted(one))) or 'none' for one in sizes))
    return said


def compared(run_a, run_b):
    """@returns what there is to say, as dicts, lists and texts.
    @throws results.BadResults"""
    a, b = ({one.key: one for one in run.results} for run in (run_a, run_b))
    both = [(a[key], b[key]) for key in a if key in b]
    if not both:
        raise results.BadResults('the two files have no result in common')
    pairs = [(one, other) for one, other in both
             if one.ns is not None and other.ns is not None]
    unchanged = drift(pairs)
    verdicts = [verdict(one, other, unchanged) for one, other in pairs]
    return {
        'rows': [[name_of(one), median(one), median(other),
                  ratio(other.ns / one.ns), words]
                 for (one, other), (_, words) in zip(pairs, verdicts)],
        'counts': {kind: sum(one == kind for one, _ in verdicts) for kind in
                   (FASTER, SLOWER, NOISE, DRIFT, UNKNOWN)},
        'drift': unchanged,
        'warnings': different(run_a, run_b, a, b) + [
            f'{name_of(one)} has an error in {which}: {one.error}'
            for which, run in (('A', run_a), ('B', run_b))
            for one in run.failed],
        'only': {'A': [name_of(a[key]) for key in a if key not in b],
                 'B': [name_of(b[key]) for key in b if key not in a]},
    }


HEADS = ['result', 'A', 'B', 'B / A', '']


def conclusion(found):
    said = [f'{count_of(len(found["rows"]), "result")} in both: ' + listing(
        f'{number(count)} {kind}' for kind, count in found['counts'].items()
        if count) + '.' if found['rows'] else 'No result has a time in both.']
    if found['drift']:
        low, high = found['drift']
        said.append('Peers and limits, whose code is the same, took '
                    f'{ratio(low)} to {ratio(high)} times as long in B.')
    return said


def as_text(found):
    lines = [f'WARNING: {one}' for one in found['warnings']]
    lines += [*terminal.aligned(HEADS, found['rows']), '', *conclusion(found)]
    for which, names in found['only'].items():
        if names:
            lines += ['', f'Only in {which}:', *(f'  {one}' for one in names)]
    return '\n'.join(lines).replace(NO_BREAK, ' ')


def as_markdown(found):
    plain = markdown.plain
    rows = ['| ' + ' | '.join(map(plain, row)) + ' |' for row in found['rows']]
    return '\n\n'.join([
        *(f'> **Warning:** {plain(one)}' for one in found['warnings']),
        '\n'.join(['| result | A | B | B / A |  |', '|---|---:|---:|---:|---|',
                   *rows]),
        *map(plain, conclusion(found)),
        *(f'Only in {which}: {plain("; ".join(names))}.'
          for which, names in found['only'].items() if names)])


def main():
    parser = argparse.ArgumentParser(
        prog='strata compare',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__.split('\n\n', 2)[0] + '\n\n' +
        __doc__.split('\n\n', 2)[2])
    parser.add_argument('--markdown', action='store_true',
                        help='as Markdown, for a pull request')
    parser.add_argument('a', metavar='A.json')
    parser.add_argument('b', metavar='B.json')
    arguments = parser.parse_args()
    try:
        found = compared(results.load(arguments.a), results.load(arguments.b))
    except results.BadResults as error:
        print(f'compare: {error}', file=sys.stderr)
        return 2
    print((as_markdown if arguments.markdown else as_text)(found))
    return 0


if __name__ == '__main__':
    sys.exit(main())
