"""The sections that set the stages beside the engines that people use, and
beside the limits: a row for each."""

import math

import charts
import sentences
from data import by_class, noun_of, sized, title_of, with_size
from parts import (DASH, apart, cell, class_named, name_cell, section, table,
                   time_cell, tip)
from results import overlap
from words import NO_BREAK, duration, listing, number, ratio, times

def among_equals(results, say):
    """What `say` makes of the results of each class that has stages, or, where
    none has, of the first: only equals are set beside each other."""
    groups = by_class(results)
    with_stages = [one for one in groups
                   if any(result.kind == 'stage' for result in one[1])]
    said = []
    for durability, group in with_stages or groups[:1]:
        text = say(group)
        if text and said:
            text = f'Of {class_named(durability)}: {text[:1].lower()}{text[1:]}'
        said.append(text)
    return ' '.join(one for one in said if one) if groups else say(results)


# --- rows: one chart for a workload -------------------------------------------

def main_size(results):
    """The size to compare at: the largest that at least half of them have."""
    sizes = {one.n for one in results if one.n is not None}
    subjects = {one.subject for one in results}
    wide = [n for n in sizes
            if 2 * sum(one.n == n for one in results) >= len(subjects)]
    return max(wide or sizes, default=None)


def shown(data, results, n=None):
    """(size to compare at, of each subject its result there, else the one with
    the most keys)."""
    n = n or main_size(results)
    chosen = {one.subject: one for one in data.largest(results)}
    chosen.update({one.subject: one for one in results if one.n == n})
    return n, sorted(chosen.values(), key=lambda one: data.order(one.subject))


def groups_with_headings(data, chosen, row):
    groups = by_class(chosen)
    for durability, group in groups:
        heading = class_named(durability) if len(groups) > 1 else ''
        yield heading, [row(one) for one in group]


def row_of(data, one, n, marks):
    other = one.n != n
    return {'name': one.subject, 'style': data.style(one.subject),
            'hollow': other, 'note': sized(one.counts, one.n) if other else '',
            'marks': marks}


def standings(workload, n, chosen):
    """What is to be seen in a workload, class by class."""
    said = []
    for i, (durability, group) in enumerate(by_class(chosen)):
        equals = [one for one in group if one.n == n]
        if i > 0 and equals:
            said.append(apart(durability, equals))
        elif equals:
            said.append(sentences.standing(noun_of(workload), equals))
    others = [one.subject for one in chosen if one.n != n]
    if others:
        said.append(f'{listing(others)} (hollow) had another size.')
    said.append(sentences.unsteady(chosen))
    return ' '.join(one for one in said if one)


def workload_chart(data, workload, prefix='rows'):
    n, chosen = shown(data, data.of(workload))
    axis = charts.log_axis('time', [x for one in chosen
                                    for x in (one.low, one.ns, one.high)], 'ns')

    def row(one):
        return row_of(data, one, n, [{
            'x': one.ns, 'low': one.low, 'high': one.high,
            'text': duration(one.ns), 'tip': tip(one)}])

    return charts.rows(f'{prefix}-{workload}', title_of(workload), axis,
                       list(groups_with_headings(data, chosen, row)),
                       standings(workload, n, chosen))


def numbers_of_rows(data, title, workloads):
    """The numbers behind the charts of some workloads, as one table; equals
    stand together."""
    chosen = {workload: {one.subject: one
                         for one in shown(data, data.of(workload))[1]}
              for workload in workloads}
    subjects = sorted({subject for one in chosen.values() for subject in one},
                      key=data.order)
    rows = []
    for subject in subjects:
        row = [name_cell(data, subject)]
        for workload in workloads:
            one = chosen[workload].get(subject)
            row.append(time_cell(
                one, sized(one.counts, one.n),
                class_named(one.durability)) if one else cell(DASH))
        rows.append(row)
    return table(title, ['', *((workload, title_of(workload))
                               for workload in workloads)], rows, detail=True)


def rows_section(data, name, title, lead, workloads, notes=()):
    there = [one for one in workloads if data.of(one)]
    if not there:
        return None
    return section(name, title, lead,
                   [workload_chart(data, one) for one in there],
                   [numbers_of_rows(data, 'The numbers', there)], notes)


DOTS = ('A dot is the median of the rounds, the bar behind it goes from the '
        'fastest round to the slowest.')


def writes(data):
    return rows_section(
        data, 'writes', 'Writes',
        f'{DOTS} Only equals stand beside each other: the class says how far a '
        'write has come when it is acknowledged.',
        ('fill_random', 'fill_sequential', 'overwrite', 'churn', 'set_durable'))


def paired(data, first, second):
    """The results of each stage in two workloads, at the largest size of
    both."""
    for stage in data.stages:
        two = [{one.n: one for one in data.of(workload) if one.subject == stage}
               for workload in (first, second)]
        shared = set(two[0]) & set(two[1])
        if shared:
            n = max(shared, key=lambda one: one or 0)
            yield two[0][n], two[1][n]


def factors(pairs):
    """'1.9 times in 07_bitcask and 1.8 times in 04_keydir': the times of the
    first, divided by those of the second."""
    told = [f'{times(one.ns / other.ns)} times in {one.subject}'
            for one, other in pairs if not overlap(one, other)]
    unclear = [one.subject for one, other in pairs if overlap(one, other)]
    if unclear:
        told.append('no difference beyond that of the rounds in '
                    f'{listing(unclear)}')
    return listing(told) if len(told) < 3 or not unclear else (
        f'{", ".join(told[:-1])}, and {told[-1]}')


def reads(data):
    threads = list(paired(data, 'get_hit', 'get_two_threads'))
    batch = list(paired(data, 'get_hit', 'get_batch'))
    notes = [
        f'Keys a second of two threads together, against one: '
        f'{factors(threads)}.' if threads else '',
        f'Keys a second when 32 are asked for at once, against one by one: '
        f'{factors(batch)}.' if batch else '']
    return rows_section(data, 'reads', 'Reads', DOTS,
                        ('get_hit', 'get_miss', 'get_zipfian', 'get_batch',
                         'get_two_threads'), notes)


def scans(data):
    return rows_section(data, 'scans', 'Scans',
                        'A scan gives all keys, or a range, in order. ' + DOTS,
                        ('scan', 'scan_100', 'whole_file'))


def opens(data):
    crashed = list(paired(data, 'open_crashed', 'open_clean'))
    note = (f'The time to open after a crash, against that after a clean close: '
            f'{factors(crashed)}.' if crashed else '')
    return rows_section(data, 'opens', 'Start-up', DOTS,
                        ('open_clean', 'open_crashed', 'start'), [note])


def merges(data):
    return rows_section(data, 'merges', 'Merging', DOTS,
                        ('merge', 'merge_reads'))


def ycsb(data):
    return rows_section(
        data, 'ycsb', 'YCSB, A to F',
        'The mixes of the Yahoo! Cloud Serving Benchmark, with its Zipfian '
        'choice of keys. ' + DOTS, [f'ycsb_{one}' for one in 'abcdef'])


# --- percentiles --------------------------------------------------------------

PERCENTILES = (('p50', 'p50_ns'), ('p99', 'p99_ns'), ('p99.9', 'p999_ns'),
               ('the longest', 'max_ns'))
TAILS = ('get_hit', 'fill_random', 'overwrite', 'set_durable', 'merge_reads')


def tail_of(one, how):
    factor = one.counters['p999_ns'] / one.counters['p50_ns']
    return (f'{how} in {one.subject}: one in a thousand took longer than '
            f'{duration(one.counters["p999_ns"])}, {times(factor)} times the '
            'median')


def tails(noun, results):
    told = [one for one in results
            if {'p50_ns', 'p999_ns'} <= one.counters.keys()]
    told = [one for one in told if one.kind == 'stage'] or told
    told.sort(key=lambda one: one.counters['p999_ns'] / one.counters['p50_ns'])
    if not told:
        return 'The 99.9th percentile was not measured.'
    if len(told) == 1:
        return f'For {noun} the tail is {tail_of(told[0], "this")}.'
    return (f'For {noun} the tail is {tail_of(told[0], "shortest")}; '
            f'{tail_of(told[-1], "longest")}.')


def percentile_chart(data, workload):
    results = [one for one in data.of(workload) if 'p50_ns' in one.counters]
    n, chosen = shown(data, results)
    axis = charts.log_axis('time', [
        one.counters[name] for one in chosen for _, name in PERCENTILES
        if name in one.counters], 'ns')

    def row(one):
        return row_of(data, one, n, [
            {'x': one.counters[name], 'text': duration(one.counters[name]),
             'mark': i, 'tip': f'{one.subject}, {label}\n'
                               f'{duration(one.counters[name])}'}
            for i, (label, name) in enumerate(PERCENTILES)
            if name in one.counters])

    equals = [one for one in chosen if one.n == n]
    return charts.rows(f'tail-{workload}', title_of(workload), axis,
                       list(groups_with_headings(data, chosen, row)),
                       among_equals(equals,
                                    lambda group: tails(noun_of(workload),
                                                        group)),
                       [label for label, _ in PERCENTILES])


def percentile_rows(data, workloads):
    for workload in workloads:
        results = [one for one in data.of(workload) if 'p50_ns' in one.counters]
        for one in shown(data, results)[1]:
            yield [name_cell(data, one.subject), cell(workload),
                   cell(number(one.n) if one.n else DASH), *(
                       cell(duration(one.counters[name]),
                            value=one.counters[name])
                       if name in one.counters else cell(DASH)
                       for _, name in PERCENTILES)]


def latency(data):
    there = [workload for workload in data.workloads() if any(
        'p50_ns' in one.counters for one in data.of(workload))]
    if not there:
        return None
    still = {one.subject: one for one in data.of('merge_reads')}
    ratios = [
        f'{times(one.counters["p999_ns"] / other.counters["p999_ns"])} times '
        f'in {one.subject}' for one in data.of('merge_reads')
        for other in [still.get(f'{one.subject}_still')]
        if other and all('p999_ns' in two.counters for two in (one, other))]
    return section(
        'latency', 'How long one may have to wait',
        'Percentiles of the times of single operations, each clocked by itself: '
        'half take at most p50, one in a hundred longer than p99.',
        [percentile_chart(data, one) for one in TAILS if one in there],
        [table('Percentiles', ['', 'workload', 'keys',
                               *(label for label, _ in PERCENTILES)],
               list(percentile_rows(data, there)), detail=True)],
        [f'The 99.9th percentile of a get while a merge runs, against without: '
         f'{listing(ratios)}.' if ratios else ''])


# --- ratios -------------------------------------------------------------------

MAIN = ('fill_random', 'overwrite', 'get_hit', 'get_miss', 'get_zipfian',
        'get_batch', 'get_two_threads', 'scan', 'open_clean', 'set_durable')


def ratio_cell(one, other):
    quotient = one.ns / other.ns
    near = '≈' + NO_BREAK if overlap(one, other) else ''
    return cell(near + ratio(quotient), value=quotient,
                tone=max(-1, min(1, math.log2(quotient) / 4)))


def ratio_table(data, workload):
    """The time of each stage, divided by that of each peer and limit; each
    stage at one size, the largest that it has in common with any of them."""
    others = [name for kind in ('peer', 'limit') for name in data.subjects(kind)]
    pairs = {(stage, other): data.common(stage, other, workload)
             for stage in data.stages for other in others}
    sizes = {stage: max((two[0].n or 0 for (name, _), two in pairs.items()
                         if two and name == stage), default=None)
             for stage in data.stages}
    pairs = {names: two for names, two in pairs.items()
             if two and (two[0].n or 0) == sizes[names[0]]}
    if not pairs:
        return None
    columns = [one for one in data.stages if sizes[one] is not None]
    below = [one for one in others if any(one == name for _, name in pairs)]
    n = max(sizes[one] for one in columns)
    counts = next(iter(pairs.values()))[0].counts
    heads = [(one, sized(counts, sizes[one]) if sizes[one] != n else '')
             for one in columns]
    rows = [[name_cell(data, other)] + [
        ratio_cell(*pairs[stage, other]) if (stage, other) in pairs
        else cell(DASH) for stage in columns] for other in below]
    title = title_of(workload) + (f', {sized(counts, n)}' if n else '')
    return table(title, ['', *heads], rows, heat=True,
                 sentence=stands(data, workload))


def stands(data, workload):
    """How the last of the stages stands to its equals: of those of the class
    that has the most stages."""
    n, chosen = shown(data, data.of(workload))
    chosen = [one for one in chosen if one.n == n]
    groups = by_class(chosen)
    mine = [one for one in groups[0][1] if one.kind == 'stage'] if groups else []
    said = sentences.stands(mine[-1], chosen) if mine else []
    if not said:
        return ''
    one = mine[-1]
    return (f'For {noun_of(workload)}, {with_size(one)}{one.subject} '
            f'({duration(one.ns)}) {sentences.joined(said)}')


def ratios(data):
    tables = [one for one in (ratio_table(data, workload) for workload in MAIN)
              if one]
    if not tables:
        return None
    return section(
        'ratios', 'Each stage beside each engine and limit',
        'The time of the stage above, divided by that of the one at the left, '
        'at the largest number of keys that both were measured with: less than '
        '1 is faster, and ≈ stands before what lies within the spread of the '
        'rounds. A dash stands where they have no size in common, or are of '
        'different durability.', tables=tables)
