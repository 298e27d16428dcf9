"""Numbers as words: how the report writes times, sizes, ratios and lists."""

NO_BREAK = '\u00a0'
TIMES = ('ns', 'µs', 'ms', 's')
SIZES = ('B', 'KB', 'MB', 'GB', 'TB')


def number(value):
    """1234567 -> '1,234,567'."""
    return f'{round(value):,}'


def digits(value):
    """Three significant digits, and none behind the point of a whole number."""
    if value == int(value) or abs(value) >= 99.95:
        return number(value)
    if abs(value) < 0.0995:
        return f'{value:.2g}'
    return f'{value:.{1 if abs(value) >= 9.995 else 2}f}'


def in_units(value, units):
    unit = 0
    while abs(value) >= 999.5 and unit + 1 < len(units):
        value /= 1000
        unit += 1
    return digits(value) + NO_BREAK + units[unit]


def duration(ns):
    """426.3 -> '426 ns', 1234.5 -> '1.23 µs'."""
    return in_units(ns, TIMES)


def size(count):
    """1200 -> '1.2 KB', which is 1,000 bytes."""
    return in_units(count, SIZES)


def times(ratio):
    """A factor in prose: 98.2 -> '98', 1.31 -> '1.3', 4 -> '4'."""
    whole = ratio >= 9.95 or ratio == int(ratio)
    return number(ratio) if whole else f'{ratio:.{1 if ratio >= 0.095 else 3}f}'


def ratio(value):
    """A factor in a table: 1.148 -> '1.15', 12.34 -> '12.3', 123.4 -> '123'."""
    if value >= 99.5:
        return number(value)
    if value >= 9.95:
        return f'{value:.1f}'
    if value < 0.001:
        return '< 0.001' if value > 0 else '0'
    return f'{value:.2f}' if value >= 0.0995 else f'{value:.1g}'


def count_of(count, singular, plural=None):
    """'1 round', '5 rounds'."""
    noun = singular if count == 1 else plural or singular + 's'
    return f'{digits(count)} {noun}'


def listing(parts):
    """['a', 'b', 'c'] -> 'a, b and c'."""
    parts = list(parts)
    if len(parts) < 2:
        return ''.join(parts)
    return f'{", ".join(parts[:-1])} and {parts[-1]}'


def sentence(text):
    """With a capital and a full stop."""
    return text[:1].upper() + text[1:] + '.' if text else ''
