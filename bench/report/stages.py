"""The sections about the stages themselves: what each pays, and how the cost
grows."""

import charts
import sentences
from data import by_class, noun_of, sized, title_of
from parts import (DASH, apart, bytes_moved, calls_made, cell, class_named,
                   lines_of, moved, name_cell, numbers_of_lines, section,
                   series_of, table, time_cell)
from words import (count_of, digits, duration, listing, number, sentence,
                   size, times)

# --- the table of stages ------------------------------------------------------

def written(one):
    reads = one.counters.get('bytes_read_per_op', 0)
    return time_cell(one, moved(one, 'written'),
                     f'and reads {size(reads)}' if reads else '')


def read(one):
    return time_cell(one, moved(one, 'read'))


def memory(one):
    told = one.counters.get('index_bytes_per_key')
    heap = one.counters.get('heap_bytes_per_key')
    if told is None and heap is None:
        return cell(DASH)
    if told is None:
        return cell(DASH, f'heap {size(heap)}')
    return cell(size(told), f'heap {size(heap)}' if heap is not None else '',
                value=told)


def of_class(shown, one):
    """The cell, with the class of a result that is not of the usual one."""
    if one.durability not in ('', 'system'):
        shown['small'].append(class_named(one.durability))
    return shown


COSTS = (
    (('a write', 'of a new key'), 'fill_random', written),
    (('a read', 'newest key'), 'get_newest', read),
    (('a read', 'oldest key'), 'get_oldest', read),
    (('a read', 'missing key'), 'get_miss', read),
    (('a read', 'any key'), 'get_hit', read),
    (('memory', 'a key, as told'), 'open_clean', memory),
    (('start-up', 'clean'), 'open_clean', read),
)


def costs(data):
    n = data.common_size({workload for _, workload, _ in COSTS})
    there = set(data.workloads())
    columns = [one for one in COSTS if one[1] in there]
    if not data.stages or not columns:
        return None
    rows = []
    for stage in data.stages:
        mine = [one for _, workload, _ in columns
                for one in data.of(workload) if one.subject == stage]
        if not mine:
            continue
        at = n or max(one.n or 0 for one in mine)
        row = [name_cell(data, stage, '' if n else sized('keys', at))]
        for _, workload, show in columns:
            one = data.find(workload, stage, at)
            row.append(of_class(show(one), one) if one else cell(DASH))
        rows.append(row)
    lead = ('Any store pays in four coins: for a write, for a read, in memory '
            'and at start-up. Each cell gives the time of one operation, then '
            'the bytes it moved and the calls that moved them')
    lead += (f', with {sized("keys", n)}, the most that all stages were '
             'measured with.'
             if n else ', each stage with the most keys it was measured with.')
    return section('costs', 'What each stage pays', lead, tables=[
        table('The stages against the four costs',
              ['stage', *(head for head, _, _ in columns)], rows)],
        notes=[dearest(data, n)])


def dearest(data, n):
    """For each cost who pays least and who most, among equals: of the class
    with the most stages. Who is of another is told apart."""
    said, others = [], []
    for workload, noun in (('fill_random', 'a write'), ('get_hit', 'a read'),
                           ('open_clean', 'start-up')):
        groups = by_class([one for one in data.of(workload)
                           if one.kind == 'stage' and one.n == n])
        found = sorted(groups[0][1] if groups else [], key=lambda one: one.ns)
        if len(found) > 1:
            low, high = found[0], found[-1]
            said.append(f'{noun} costs {high.subject} {times(high.ns / low.ns)} '
                        f'times what it costs {low.subject}')
            others += [f'{noun}, of {class_named(durability)}, costs '
                       f'{one.subject} {duration(one.ns)}'
                       for durability, group in groups[1:] for one in group]
    return ' '.join(sentence('; '.join(one)) for one in (said, others) if one)


# --- growth -------------------------------------------------------------------

GROWING = ('get_miss', 'get_hit', 'get_oldest', 'get_newest',
           'miss_in_segments')


def growth_chart(data, workload):
    (durability, group), *rest = by_class(
        [one for one in data.of(workload) if one.n])
    lines = lines_of(group)
    stages = [line for line in lines if line[0].kind == 'stage']
    counts = group[0].counts or 'n'
    said = [sentences.growth(noun_of(workload), stages or lines, counts)]
    said.append(probed(data.largest(group)))
    said += [apart(name, data.largest(others)) for name, others in rest]
    title = title_of(workload)
    if rest:
        title += f' ({class_named(durability)})'
    return charts.lines(f'growth-{workload}', title,
                        (counts, 'keys', 'time', 'ns'), series_of(data, lines),
                        ' '.join(one for one in said if one))


def probed(results):
    """How many indexes were asked, of segments or of tables, where that was
    counted."""
    told = [f'{digits(one.counters["probes_per_op"])} in {one.subject}'
            for one in results if 'probes_per_op' in one.counters]
    return f'Indexes asked at the largest size: {listing(told)}.' if told else ''


def growth(data):
    drawn = [growth_chart(data, workload) for workload in GROWING
             if any(one.n for one in data.of(workload))]
    if not drawn:
        return None
    return section(
        'growth', 'How the cost grows',
        'Both axes are logarithmic: a cost that grows with the store rises in '
        'a straight line, and one that does not stays level.',
        drawn, [numbers_of_lines(data, chart, chart['x']['label'])
                for chart in drawn])


# --- time beside I/O ----------------------------------------------------------

MOVING = ('get_miss', 'get_hit', 'open_clean')


def io_sentence(noun, results):
    """Does who moves more bytes take longer?"""
    stages = [one for one in results if one.kind == 'stage'] or results
    pairs = [(one, other) for i, one in enumerate(stages)
             for other in stages[i + 1:]
             if bytes_moved(one) != bytes_moved(other)]
    most = max(stages, key=bytes_moved)
    least = min(stages, key=bytes_moved)
    if not pairs:
        return sentence(f'for {noun} all move the same: '
                        f'{size(bytes_moved(most))}')
    agree = sum((bytes_moved(one) > bytes_moved(other)) == (one.ns > other.ns)
                for one, other in pairs)
    moves = (f'moves {size(bytes_moved(least))}' if bytes_moved(least)
             else 'moves nothing')
    return (sentence(f'for {noun} {most.subject} moves {size(bytes_moved(most))} '
                     f'and took {duration(most.ns)}, {least.subject} {moves} and '
                     f'took {duration(least.ns)}') +
            f' In {agree} of {count_of(len(pairs), "pair")} of stages the one '
            'that moves more takes longer.')


def io(data):
    drawn, rows = [], []
    for workload in MOVING:
        results = [one for one in data.of(workload)
                   if bytes_moved(one) is not None]
        for durability, group in by_class(results):
            if not any(one.kind == 'stage' for one in group):
                continue
            last = data.largest(group)
            drawn.append(charts.lines(
                f'io-{workload}-{durability or "any"}', title_of(workload),
                ('bytes moved', 'bytes', 'time', 'ns'),
                series_of(data, lines_of(group), bytes_moved,
                          lambda one: size(bytes_moved(one)),
                          lambda one: count_of(calls_made(one), 'call')),
                io_sentence(noun_of(workload), last)))
            rows += [[name_cell(data, one.subject), cell(one.workload),
                      cell(number(one.n) if one.n else DASH),
                      cell(size(bytes_moved(one)), value=bytes_moved(one)),
                      cell(digits(calls_made(one)), value=calls_made(one)),
                      time_cell(one)] for one in last]
    if not drawn:
        return None
    return section(
        'io', 'Time beside I/O',
        'What one operation moved to and from the operating system, in bytes, '
        'and how long it took; a line joins the sizes of one store. Engines '
        'that map their files move bytes that nobody counts, and are left out.',
        drawn, [table('Bytes and calls of one operation, with the most keys',
                      ['', 'workload', 'keys', 'bytes', 'calls', 'time'], rows,
                      detail=True)])
