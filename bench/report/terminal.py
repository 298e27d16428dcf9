"""The report as a short summary for a terminal."""

SHORT = ('costs',)  # the page has all


def aligned(heads, rows):
    """Lines of a table, its columns as wide as they must be."""
    lines = [heads, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return ['  ' + '  '.join(
        text.ljust(width) if i == 0 else text.rjust(width)
        for i, (text, width) in enumerate(zip(line, widths))).rstrip()
            for line in lines]


def table(one):
    heads = [' '.join([head['text'], *head['small']]) for head in one['heads']]
    rows = [[each['text'] for each in row] for row in one['rows']]
    return aligned(heads, rows)


def summary(model):
    """@returns the text."""
    lines = [model['title']]
    lines += [f'WARNING: {one}' for one in model['warnings']]
    for one in model['sections']:
        if one['id'] not in SHORT:
            continue
        for each in one['tables']:
            lines += ['', each['title'], *table(each)]
    if model['highlights']:
        lines += ['', *model['highlights']]
    if model['targets']:
        lines += ['', 'Targets', *(f'  {one["line"]}' for one in model['targets'])]
    return '\n'.join(lines).replace('\u00a0', ' ') + '\n'
