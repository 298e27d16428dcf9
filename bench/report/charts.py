"""Charts as data: axes with their ticks, and what is drawn. The page draws
them as they are and computes nothing."""

import math

from words import duration, number, size


MANY_TICKS = 7


def plain(value):
    return number(value) if value >= 9.95 else f'{value:g}'


def compact(value):
    """1,000 is 1k, 1,000,000 is 1M."""
    for unit, name in ((1e6, 'M'), (1e3, 'k')):
        if value >= unit:
            return f'{value / unit:g}{name}'
    return f'{value:g}'


UNITS = {'ns': duration, 'bytes': size, 'keys': compact, 'ratio': plain}
# Marks within a decade, for axes that span ever less.
MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8))


def log_ticks(low, high):
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in MANTISSAS:
        ticks = [m * 10.0 ** d for d in decades for m in mantissas
                 if low <= m * 10.0 ** d <= high]
        if len(ticks) >= 3:
            break
    return ticks


def linear_ticks(high):
    step = 10.0 ** math.floor(math.log10(high / 3))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if high / (step * m) <= 5)
    return [step * i for i in range(int(high / step) + 1)]


def log_axis(label, values, unit, pad=0.04):
    """A logarithmic axis. Where zeros are among the values, they are drawn a
    decade below the least other one, at `zero`, and the tick there says 0."""
    above = [value for value in values if value > 0] or [1]
    low, high = min(above), max(above)
    zero = None
    if len(above) < len(values):
        zero = low = 10.0 ** (math.floor(math.log10(low)) - 1)
    room = max((high / low) ** pad, 1.12)
    ticks = log_ticks(low / room, high * room)
    texts = [[tick, UNITS[unit](tick)] for tick in ticks
             if zero is None or tick > zero * 1.01]
    if zero is not None:
        texts.insert(0, [zero, '0'])
    return {'label': label, 'type': 'log', 'domain': [low / room, high * room],
            'ticks': texts, 'zero': zero}


def linear_axis(label, values, unit):
    """From zero to a little more than the most."""
    high = max(values, default=0) * 1.05 or 1
    return {'label': label, 'type': 'linear', 'domain': [0, high], 'zero': None,
            'ticks': [[tick, UNITS[unit](tick)] for tick in linear_ticks(high)]}


def on(axis, value):
    """Where the value is drawn."""
    return axis['zero'] if value == 0 and axis['zero'] is not None else value


def lines(name, title, axes, series, sentence):
    """Lines over x. `series` are dicts with name, style and points; a point
    has x, y, text (y as text) and tip."""
    x_label, x_unit, y_label, y_unit = axes
    every = [point for one in series for point in one['points']]
    x = log_axis(x_label, [point['x'] for point in every], x_unit)
    sizes = sorted({point['x'] for point in every})
    if x_unit == 'keys' and len(sizes) <= MANY_TICKS:
        x['ticks'] = [[size, UNITS[x_unit](size)] for size in sizes]
    y = log_axis(y_label, [point['y'] for point in every], y_unit)
    for point in every:
        point['x_at'], point['y_at'] = on(x, point['x']), on(y, point['y'])
    return {'id': name, 'kind': 'lines', 'title': title, 'x': x, 'y': y,
            'series': series, 'sentence': sentence}


def rows(name, title, x, groups, sentence, marks=()):
    """A row for each subject, with a mark for each number. `groups` are
    (heading, rows); a row has name, style, note, hollow, and marks with x,
    text, tip, low and high. `marks` names them where there are several."""
    every = [mark for _, group in groups for row in group
             for mark in row['marks']]
    for mark in every:
        mark['x_at'] = on(x, mark['x'])
    return {'id': name, 'kind': 'rows', 'title': title, 'x': x,
            'groups': [{'heading': heading, 'rows': group}
                       for heading, group in groups],
            'marks': list(marks), 'sentence': sentence}
