"""The report as one HTML page that needs no network. The tables stand in it as
HTML; the charts are drawn by page.js where their libraries are there."""

import html
import json
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = ('d3/dist/d3.min.js', '@observablehq/plot/dist/plot.umd.min.js')
HOW_TO_GET_CHARTS = (
    'This page was made without the libraries that draw its charts (Observable '
    'Plot and d3). The tables hold the same numbers. With npm installed, '
    './strata bench fetches them and makes the page with charts.')
# Ids from the names of workloads may hold anything.
ODD = re.compile(r'[^\w-]+')


def escape(text):
    return html.escape(str(text), quote=True)


def tag(name, inside, **attributes):
    said = ''.join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
                   for key, value in attributes.items() if value is not None)
    return f'<{name}{said}>{inside}</{name}>'


def paragraphs(texts, name='note'):
    return [tag('p', escape(text), class_=name) for text in texts]


# --- tables -------------------------------------------------------------------

def swatch(style):
    kind = 'stage' if re.fullmatch(r's\d', style) else style
    return tag('span', '', class_=f'swatch {kind}', style=f'--c:var(--{style})')


def inside(cell):
    return (swatch(cell['style']) if 'style' in cell else '') + escape(
        cell['text']) + ''.join(tag('small', escape(one))
                                for one in cell['small'])


def data_cell(cell):
    more = {}
    if 'tone' in cell:
        more['class_'] = 'less' if cell['tone'] < 0 else 'more'
        more['style'] = f'--tone:{abs(cell["tone"]):.2f}'
    if 'good' in cell:
        more['class_'] = 'good' if cell['good'] else 'bad'
    return tag('td', inside(cell), data_value=cell.get('value'), **more)


def row(cells):
    return tag('tr', tag('th', inside(cells[0]), scope='row') +
               ''.join(data_cell(cell) for cell in cells[1:]))


def table(one, only):
    heads = ''.join(tag('th', inside(head), scope='col') for head in one['heads'])
    body = '\n'.join(row(cells) for cells in one['rows'])
    kinds = ' '.join(['box'] + ['only'] * only + ['heat'] * bool(one.get('heat')))
    box = tag('div', tag('table', tag('caption', escape(one['title'])) +
                         tag('thead', tag('tr', heads)) +
                         f'\n<tbody>\n{body}\n</tbody>'),
              class_=kinds, tabindex='0', role='region', aria_label=one['title'])
    return '\n'.join([box, *paragraphs([one['sentence']] if one.get('sentence')
                                       else [])])


def tables(section, folded_open):
    plain = [one for one in section['tables'] if not one.get('detail')]
    folded = [one for one in section['tables'] if one.get('detail')]
    said = [table(one, only=len(plain) == 1) for one in plain]
    if folded:
        inner = '\n'.join(table(one, only=len(folded) == 1) for one in folded)
        said.append(f'<details{" open" if folded_open else ""}>'
                    f'<summary>The numbers</summary>\n{inner}\n</details>')
    return said


# --- the parts ----------------------------------------------------------------

def legend(subjects):
    items = [tag('li', swatch(one['style']) + escape(one['name']))
             for one in subjects if one['kind'] == 'stage']
    kinds = {one['kind'] for one in subjects}
    items += [tag('li', swatch(kind) + kind + 's')
              for kind in ('peer', 'limit') if kind in kinds]
    return tag('ul', ''.join(items), class_='legend')


def chart(one):
    return tag('figure', tag('h3', escape(one['title'])) +
               tag('div', '', class_='canvas', data_chart=one['id']) +
               tag('figcaption', escape(one['sentence'])), class_='chart')


def section(one, subjects, with_charts):
    said = [tag('h2', escape(one['title']))]
    said += paragraphs([one['lead']] if one['lead'] else [], 'lead')
    named = {line['name'] for each in one['charts'] if each['kind'] == 'lines'
             for line in each['series']}
    if named:
        said.append(legend([each for each in subjects if each['name'] in named]))
    if one['charts']:
        few = ' one' if len(one['charts']) == 1 else ''
        said.append(tag('div', '\n'.join(chart(each) for each in one['charts']),
                        class_=f'charts{few}'))
    has_charts = bool(one['charts'])
    notes = paragraphs(one['notes'])
    numbers = tables(one, folded_open=has_charts and not with_charts)
    said += notes + numbers if has_charts else numbers + notes
    return tag('section', '\n'.join(said), id=one['id'], class_=one['id'])


def header(model, with_charts):
    said = [tag('p', 'Strata · benchmarks', class_='eyebrow'),
            tag('h1', escape(model['title'])),
            tag('dl', ''.join(
                tag('div', tag('dt', escape(one['name'])) +
                    tag('dd', escape(one['text']))) for one in model['facts']),
                class_='facts')]
    said += paragraphs(model['warnings'], 'warning')
    if not with_charts:
        said += paragraphs([HOW_TO_GET_CHARTS], 'warning')
    if model['highlights']:
        said.append(tag('ul', ''.join(tag('li', escape(one))
                                      for one in model['highlights']),
                        class_='short'))
    said.append(tag('nav', ' '.join(
        tag('a', escape(one['title']), href=f'#{one["id"]}')
        for one in model['sections']), aria_label='Sections'))
    return tag('header', '\n'.join(said))


FOOTER = tag('footer', escape(
    'Strata is ten small storage engines, each mending the worst flaw of the one '
    'before. The numbers of this page are also in report.json beside it, the '
    'measurements in results.json.'))


# --- the whole ----------------------------------------------------------------

def harmless(value):
    """JSON without a byte that HTML could take for its own."""
    return json.dumps(value, allow_nan=False, separators=(',', ':')).replace(
        '<', '\\u003c')


def libraries(folder):
    """The libraries' texts, or None if one is missing."""
    found = []
    for name in LIBRARIES:
        try:
            text = (folder / name).read_text(encoding='utf-8')
        except OSError:
            return None
        if '</script' in text.lower():
            return None
        found.append(re.sub(r'^//# sourceMappingURL.*$', '', text, flags=re.M))
    return found


def page(model, folder):
    """@returns the page, with charts if `folder` holds their libraries."""
    scripts = libraries(folder)
    with_charts = scripts is not None
    for each in model['sections']:
        for one in each['charts']:
            one['id'] = ODD.sub('-', one['id'])
    body = [header(model, with_charts)]
    body += [section(one, model['subjects'], with_charts)
             for one in model['sections']]
    drawn = [*scripts, (HERE / 'page.js').read_text()] if with_charts else []
    places = {
        'title': escape(f'Strata: {model["title"]}'),
        'style': (HERE / 'page.css').read_text(),
        'class': '' if with_charts else 'no-charts',
        'body': '\n'.join([*body, FOOTER]),
        'data': harmless([one for each in model['sections']
                          for one in each['charts']]),
        'scripts': '\n'.join(f'<script>{text}</script>' for text in drawn),
    }
    template = (HERE / 'page.html').read_text()
    return re.sub(r'\{\{(\w+)\}\}', lambda match: places[match[1]], template)
