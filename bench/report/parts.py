"""What the sections of the report are made of."""

from data import sized, with_size
from words import NO_BREAK, count_of, duration, listing, number, size

DASH = '–'


def section(name, title, lead='', charts=(), tables=(), notes=()):
    return {'id': name, 'title': title, 'lead': lead, 'charts': list(charts),
            'tables': list(tables), 'notes': [note for note in notes if note]}


def cell(text, *small, **more):
    """A cell of a table. `value` is the number behind the text."""
    return {'text': text, 'small': [one for one in small if one], **more}


def table(title, heads, rows, **more):
    """`heads` are texts or (text, small text); `detail` tables are folded."""
    heads = [cell(head) if isinstance(head, str) else cell(*head)
             for head in heads]
    return {'title': title, 'heads': heads, 'rows': rows, **more}


def name_cell(data, subject, *small):
    return cell(subject, *small, style=data.style(subject))


def time_cell(one, *small):
    return cell(duration(one.ns), *small, value=one.ns)


def class_named(durability):
    return f'class {durability}' if durability else 'class not told'


def moved(one, how):
    """Its 'read' or 'written' bytes and the calls that moved them, as text."""
    count = one.counters.get(f'bytes_{how}_per_op')
    calls = one.counters.get('reads_per_op' if how == 'read' else 'writes_per_op')
    if count is None or calls is None:
        return ''
    if count == 0 and calls == 0:
        return f'nothing {how}'
    return f'{size(count)}, {count_of(calls, "call")}'


def bytes_moved(one):
    """Bytes read and written by one operation, or None."""
    told = [one.counters[name] for name in
            ('bytes_read_per_op', 'bytes_written_per_op') if name in one.counters]
    return sum(told) if told else None


def calls_made(one):
    return sum(one.counters.get(name, 0)
               for name in ('reads_per_op', 'writes_per_op', 'syncs_per_op'))


def tip(one, *more):
    parts = filter(None, [one.subject, sized(one.counts, one.n), *more])
    between = (f'rounds {duration(one.low)} to {duration(one.high)}'
               if len(one.rounds) > 1 else '')
    return '\n'.join([', '.join(parts), duration(one.ns)] +
                     ([between] if between else []))


def lines_of(results):
    """The results of each subject, which are in order."""
    lines = {}
    for one in results:
        lines.setdefault(one.subject, []).append(one)
    return list(lines.values())


def series_of(data, lines, x=lambda one: one.n, *more):
    return [{'name': line[0].subject, 'style': data.style(line[0].subject),
             'points': [{'x': x(one), 'y': one.ns, 'text': duration(one.ns),
                         'tip': tip(one, *(show(one) for show in more))}
                        for one in line]} for line in lines]


def apart(durability, results):
    """Who is of another class, and so not set beside the others."""
    sizes = {one.n for one in results}
    n = sizes.pop() if len(sizes) == 1 else None
    each = listing(
        f'{one.subject} {duration(one.ns)}' +
        (' ' + with_size(one, '') if n is None and one.n is not None else '')
        for one in results)
    size_of_all = f', {with_size(results[0], "")}' if n is not None else ''
    return f'Apart, of {class_named(durability)}: {each}{size_of_all}.'


def numbers_of_lines(data, chart, what):
    """The numbers behind the lines of a chart, as a table."""
    xs = sorted({point['x'] for one in chart['series']
                 for point in one['points']})
    rows = []
    for one in chart['series']:
        at = {point['x']: point for point in one['points']}
        rows.append([name_cell(data, one['name'])] + [
            cell(at[x]['text'], value=at[x]['y']) if x in at else cell(DASH)
            for x in xs])
    return table(chart['title'],
                 ['', *(f'{number(x)}{NO_BREAK}{what}' for x in xs)], rows,
                 detail=True)


