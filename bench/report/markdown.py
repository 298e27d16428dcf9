"""The report as Markdown, for a pull request."""

import re

SPECIAL = re.compile(r'([\\`*\[\]<>#|~&@]|(?<!\w)_|_(?!\w))')


def plain(text):
    """Text that Markdown cannot take for its own; a name stays in one line."""
    return SPECIAL.sub(r'\\\1', ' '.join(str(text).split()))


def cell(one):
    return '<br>'.join(plain(text) for text in [one['text'], *one['small']])


def table(one):
    heads = '| ' + ' | '.join(cell(head) for head in one['heads']) + ' |'
    line = '|---|' + '---:|' * (len(one['heads']) - 1)
    rows = ['| ' + ' | '.join(cell(each) for each in row) + ' |'
            for row in one['rows']]
    return '\n'.join([heads, line, *rows])


def section(one):
    said = [f'### {plain(one["title"])}']
    for chart in one['charts']:
        said.append(f'- **{plain(chart["title"])}**: {plain(chart["sentence"])}')
    for each in one['tables']:
        if not each.get('detail'):
            if len(one['tables']) > 1:
                said.append(f'**{plain(each["title"])}**')
            said.append(table(each))
            if each.get('sentence'):
                said.append(plain(each['sentence']))
    said += [plain(note) for note in one['notes']]
    return '\n\n'.join(said)


def report(model):
    """@returns the Markdown. What stands folded on the page is left out."""
    facts = ' · '.join(f'{plain(one["name"])}: {plain(one["text"])}'
                       for one in model['facts'])
    said = [f'## Strata: {plain(model["title"])}', facts]
    said += [f'> **Warning:** {plain(one)}' for one in model['warnings']]
    said += ['\n'.join(f'- {plain(one)}' for one in model['highlights'])]
    said += [section(one) for one in model['sections']
             if one['charts'] or any(not each.get('detail')
                                     for each in one['tables'])]
    return '\n\n'.join(one for one in said if one) + '\n'
