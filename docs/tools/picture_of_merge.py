"""Draws the segments of stage 06 before a merge and after it."""

import pathlib

import svg
from programs import Programs

MERGING = '06_compaction'
SEGMENT_BYTES = '60'
LOOKS = {'live': 'green', 'dead': 'faint', 'tombstone': 'orange'}


def name_of_record(dumped, state):
    if state == 'tombstone':
        return f'{dumped["key"]} deleted'
    return f'{dumped["key"]} = {dumped["value"]}'


def segments_of(programs):
    """The records of each segment, and none of an empty one."""
    folder = pathlib.Path(programs.folder.name) / f'db.{MERGING}'
    found = {name: [] for name in sorted(
        (path.name for path in folder.glob('*.log')),
        key=lambda name: int(name.split('.')[0]))}
    for name, _, size, state, fields in programs.dump(MERGING):
        found[name].append((size, state, name_of_record(fields, state)))
    return found


def measure_merge(binaries, pairs):
    """The segments before a merge, and after it."""
    with Programs(binaries) as programs:
        for pair in pairs:
            key, _, value = pair.partition('=')
            programs.run(MERGING, '--segment-bytes', SEGMENT_BYTES,
                         '--dead-percent', '100',
                         *(['set', key, value] if value else ['del', key]))
        before = segments_of(programs)
        programs.run(MERGING, '--segment-bytes', SEGMENT_BYTES, 'compact')
        return before, segments_of(programs)


def size_of(records, state=None):
    return sum(size for size, its, _ in records if state in (None, its))


def draw_segments(drawing, y, segments, scale):
    """@returns where the next thing may be drawn."""
    for name, records in segments.items():
        size = size_of(records)
        live = size_of(records, 'live')
        share = 'all' if live == size else f'{live} of them'
        words = f'{size} bytes, {share} live' if size else 'empty'
        if name == list(segments)[-1]:
            words += ', the active one'
        drawing.text(svg.MARGIN, y, name, 'ink mono')
        drawing.text(svg.MARGIN + 62, y, words, 'faint small')
        x = svg.MARGIN
        for length, state, words in records:
            width = length * scale
            drawing.box(x, y + 8, width, 40, LOOKS[state], state == 'dead')
            drawing.text(x + width / 2, y + 33, words, 'ink small', 'middle')
            x += width
        if not records:
            drawing.line([(x, y + 8), (x, y + 48)], 'faint line')
        y += 76
    return y


def draw_legend(drawing, y):
    x = svg.MARGIN
    for state, colour in LOOKS.items():
        drawing.box(x, y - 13, 16, 16, colour, state == 'dead')
        drawing.text(x + 24, y, state, 'ink small')
        x += 100


def merge(binaries, *pairs):
    if not pairs:
        raise Wrong('picture: merge wants KEY=VALUE...')
    before, after = measure_merge(binaries, pairs)
    widest = max(map(size_of, [*before.values(), *after.values()]))
    scale = (svg.WIDTH - 2 * svg.MARGIN) / widest

    def told(segments):
        return '; '.join(
            f'{name}: ' + (', '.join(f'{words} ({state}, {size} bytes)'
                                     for size, state, words in records)
                           or 'empty')
            for name, records in segments.items())

    drawing = svg.Picture(
        'Segments before a merge and after it',
        f'Before: {told(before)}. After: {told(after)}.')
    drawing.text(svg.MARGIN, 30, 'before the merge', 'ink bold')
    y = draw_segments(drawing, 60, before, scale)
    drawing.text(svg.MARGIN, y + 8, 'after it', 'ink bold')
    y = draw_segments(drawing, y + 38, after, scale)
    draw_legend(drawing, y + 4)
    return drawing.svg(y + 22)
