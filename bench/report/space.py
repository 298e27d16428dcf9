"""The sections about what is paid in bytes: read, write and space
amplification, memory, and the sizes of values."""

import charts
import sentences
from contests import among_equals, groups_with_headings, row_of, shown
from data import KEY_BYTES, by_class, noun_of, title_of, with_size
from parts import (DASH, cell, lines_of, name_cell, numbers_of_lines, section,
                   series_of, table)
from words import listing, ratio, sentence, size


def counter(name):
    return lambda one: one.counters.get(name)


def for_each_byte(name):
    """A counter, divided by the bytes of a key and its value."""
    return lambda one: (
        one.counters[name] / (KEY_BYTES + one.value)
        if name in one.counters and one.value is not None else None)


def amount(value):
    return f'{ratio(value)} B'


def marks_chart(data, name, title, workload, marks, say, write=amount,
                axis=charts.linear_axis, unit='ratio'):
    """A row for each subject, with a mark for each of `marks`: (its name, the
    function that finds its number in a result, or None there). `say` makes the
    sentence of the results of one size."""
    n, chosen = shown(data, [one for one in data.of(workload) if any(
        find(one) is not None for _, find in marks)],
                      data.common_size({workload}))
    if not chosen:
        return None

    def row(one):
        return row_of(data, one, n, [
            {'x': find(one), 'text': write(find(one)), 'mark': i,
             'tip': f'{one.subject}, {label}\n{write(find(one))}'}
            for i, (label, find) in enumerate(marks) if find(one) is not None])

    scale = axis(unit_label(unit), [find(one) for one in chosen
                                    for _, find in marks
                                    if find(one) is not None], unit)
    equals = [one for one in chosen if one.n == n]
    return charts.rows(name, title, scale,
                       list(groups_with_headings(data, chosen, row)),
                       among_equals(equals, say),
                       [label for label, _ in marks])


def unit_label(unit):
    return {'ratio': 'bytes for each byte', 'bytes': 'bytes'}[unit]


def numbers_of_marks(data, chart):
    labels = chart['marks']
    rows = []
    for group in chart['groups']:
        for one in group['rows']:
            at = {mark['mark']: mark for mark in one['marks']}
            rows.append([name_cell(data, one['name'], one['note'])] + [
                cell(at[i]['text'], value=at[i]['x']) if i in at else cell(DASH)
                for i in range(len(labels))])
    return table(chart['title'], ['', *labels], rows, detail=True)


def least_and_most(find, say):
    """A sentence about who has least and most, of the stages if there are
    any: `say` is told both."""
    def of(results):
        told = [one for one in results if find(one) is not None]
        told = [one for one in told if one.kind == 'stage'] or told
        told.sort(key=find)
        if not told:
            return 'The stages were measured with other numbers of keys.'
        if len(told) == 1:
            return (f'{told[0].subject}: {ratio(find(told[0]))}, '
                    f'{with_size(told[0], "")}.')
        if find(told[0]) == find(told[-1]):
            return sentence(f'{with_size(told[0])}it is the same in all '
                            f'stages: {ratio(find(told[0]))}')
        return sentence(say(told[0], told[-1]))
    return of


def reading(data):
    find = for_each_byte('bytes_read_per_op')
    return marks_chart(
        data, 'read-amplification', 'Bytes read, for each byte of the answer',
        'get_hit', [('a get', find)],
        least_and_most(find, lambda least, most: (
            f'{with_size(most)}a get reads {ratio(find(most))} bytes for each '
            f'that it answers in {most.subject}, and {ratio(find(least))} in '
            f'{least.subject}')), axis=charts.log_axis)


def writing(data, name, title, workload, find):
    return marks_chart(
        data, name, title, workload, [('written', find)],
        least_and_most(find, lambda least, most: (
            f'For each byte that was set, {least.subject} wrote '
            f'{ratio(find(least))} and {most.subject} {ratio(find(most))}')))


def fresh(data):
    find = counter('disk_bytes_per_user_byte')
    return marks_chart(
        data, 'space-fresh',
        'Bytes on disk, for each byte of live keys and values',
        'open_clean', [('on disk', find)],
        least_and_most(find, lambda least, most: (
            f'A store that was filled once holds {ratio(find(least))} bytes for '
            f'each byte given in {least.subject}, {ratio(find(most))} in '
            f'{most.subject}')))


def merged(results):
    told = [one for one in results
            if {'disk_before', 'disk_after'} <= one.counters.keys()]
    told = [one for one in told if one.kind == 'stage'] or told
    if not told:
        return 'What a merge gives back was not measured.'
    return 'A merge brought ' + listing(
        f'{one.subject} from {ratio(one.counters["disk_before"])} to '
        f'{ratio(one.counters["disk_after"])} bytes' for one in told) + (
            ' on disk for each that is live.')


def amplification(data):
    churned = bool(data.of('churn'))
    drawn = [chart for chart in (
        reading(data),
        fresh(data),
        writing(data, 'write-amplification',
                'Bytes written, for each byte set five times over', 'churn',
                counter('write_amplification')) if churned else
        writing(data, 'write-new', 'Bytes written, for each byte of new keys',
                'fill_random', for_each_byte('bytes_written_per_op')),
        marks_chart(data, 'space-churn',
                    'Bytes on disk after that, before and after a merge',
                    'churn', [('before', counter('disk_before')),
                              ('after', counter('disk_after'))], merged),
    ) if chart]
    if not drawn:
        return None
    return section(
        'amplification', 'Amplification: read, write, space',
        'How many bytes move, or lie on disk, for each byte that the user asks '
        'for, sets or keeps.',
        drawn, [numbers_of_marks(data, chart) for chart in drawn])


# --- memory -------------------------------------------------------------------

def memory_sentence(results):
    told = [one for one in results if 'heap_bytes_per_key' in one.counters]
    told = [one for one in told if one.kind == 'stage'] or told
    told.sort(key=lambda one: one.counters['heap_bytes_per_key'])
    if not told:
        return 'What the heap grew by was not measured.'
    low, high = told[0], told[-1]
    text = (f'{with_size(high)}the heap grew by '
            f'{size(high.counters["heap_bytes_per_key"])} a key in '
            f'{high.subject}')
    if low is not high:
        text += (f' and by {size(low.counters["heap_bytes_per_key"])} in '
                 f'{low.subject}')
    both = [one for one in told if one.counters.get('index_bytes_per_key')]
    off = max(both, default=None, key=lambda one: abs(
        one.counters['heap_bytes_per_key'] / one.counters['index_bytes_per_key']
        - 1))
    if off:
        text += (f'; what the stores tell is furthest from that in '
                 f'{off.subject}, {size(off.counters["index_bytes_per_key"])} '
                 f'for {size(off.counters["heap_bytes_per_key"])}')
    return sentence(text)


def memory(data):
    chart = marks_chart(
        data, 'memory', 'Memory for each key', 'open_clean',
        [('index, as the store tells', counter('index_bytes_per_key')),
         ('heap, as it grew', counter('heap_bytes_per_key'))],
        memory_sentence, size, unit='bytes')
    if not chart:
        return None
    return section(
        'memory', 'Memory',
        'What the store says its index takes, and what the heap really grew by '
        'when it was opened.', [chart], [numbers_of_marks(data, chart)])


# --- values of several sizes --------------------------------------------------

def swept(results):
    """Those with the number of keys that most sizes of values were measured
    with."""
    sizes = {}
    for one in results:
        if one.value:
            sizes.setdefault(one.n, set()).add(one.value)
    n = max(sizes, key=lambda n: (len(sizes[n]), n or 0), default=None)
    return [one for one in results if one.value and one.n == n]


def sweep_chart(data, workload):
    """Over the sizes of values, always with as many keys."""
    found = sorted(swept([one for one in data.run.measured
                          if one.workload == workload]),
                   key=lambda one: (data.order(one.subject), one.value))
    lines = [line for _, group in by_class(found)[:1]
             for line in lines_of(group) if len(line) > 1]
    if not lines:
        return None
    stages = [line for line in lines if line[0].kind == 'stage']

    def x(one):
        return one.value
    return charts.lines(
        f'sweep-{workload}', title_of(workload),
        ('bytes of a value', 'bytes', 'time', 'ns'),
        series_of(data, lines, x, lambda one: f'values of {size(one.value)}'),
        sentences.growth(noun_of(workload), stages or lines,
                         'bytes of value', x))


def sweep(data):
    drawn = [chart for chart in (sweep_chart(data, workload)
                                 for workload in data.workloads()) if chart]
    if not drawn:
        return None
    return section('sweep', 'Values of several sizes',
                   'Ever longer values in a small store, always with as many '
                   'keys; both axes are logarithmic.', drawn,
                   [numbers_of_lines(data, chart, 'B') for chart in drawn])
