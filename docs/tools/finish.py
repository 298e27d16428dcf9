#!/usr/bin/env python3
"""Makes the site of what Doxygen has made: finish.py OUT.

Gives each page the navigation, its table of contents and what comes before
and after it; brings the report, the notebooks and the pictures; and writes
the index that the search looks into.
"""

import html
import json
import pathlib
import re
import shutil
import sys
import xml.etree.ElementTree

import pages

API = (('Headers', 'api.html', r'_8h(_source)?\.html|^dir_|^files|^api'),
       ('Classes', 'annotated.html', r'^(class|struct|union)|^annotated'),
       ('Inheritance', 'hierarchy.html', r'^hierarchy|^inherit'),
       ('Namespaces', 'namespaces.html', r'^namespace'))


def text_of(markup):
    """What a reader sees of a piece of HTML."""
    markup = re.sub(r'<(script|style|svg).*?</\1>', ' ', markup, flags=re.S)
    words = re.sub(r'</?(?:code|b|i|em|span|a|ins|del|tt)\b[^>]*>', '', markup)
    return ' '.join(html.unescape(re.sub(r'<[^>]*>', ' ', words)).split())


class Names:
    """What Doxygen calls the pages, from its tag file."""

    def __init__(self, file):
        self.compounds = list(xml.etree.ElementTree.parse(file).getroot())
        self.headers = {}
        for compound in self.compounds:
            if compound.get('kind') == 'file':
                path = pathlib.Path(compound.findtext('path'), compound.findtext('name'))
                if path.is_relative_to(pages.ROOT):
                    path = path.relative_to(pages.ROOT)
                name = compound.findtext('filename')
                self.headers[str(path)] = name if name.endswith('.html') else name + '.html'

    def resolved(self, url):
        """A link as `Book.link` gives it, as one that can be followed."""
        if not url.startswith('header:'):
            return url
        return self.headers.get(url[len('header:'):], url)


# --- navigation ---------------------------------------------------------------

def groups(book, out):
    """The navigation: titles, and for each the entries (title, URL, pattern of
    the pages that belong to it)."""
    def entries(listed):
        return [(page.short, page.url, f'^{page.name}\\.') for page in listed if page]

    start = [('Strata', 'index.html', r'^index\.')]
    yield 'Start', start + entries([book.contents])
    yield 'The stages', entries(book.stages)
    yield 'Beside the stages', entries(book.chapters)
    yield 'API', [entry for entry in API if (out / entry[1]).exists()]
    report = [('The report', 'the_report.html', '^the_report')]
    yield 'Measured', report + entries([book.benchmarks])
    yield 'Notebooks', entries([book.notebooks]) + [
        (file.stem.replace('_', ' '), f'notebooks/{file.name}', '^$')
        for file in book.rendered]
    if book.sources:
        yield 'Sources', [('Other sources', 'sources.html', '^source')]


def navigation(parts, name):
    """The navigation as the page `name` shows it."""
    made = []
    for title, entries in parts:
        if not entries:
            continue
        made.append(f'<h2>{title}</h2>\n<ul>')
        for text, url, pattern in entries:
            here = ' aria-current="page"' if re.search(pattern, name) else ''
            made.append(f'<li><a href="{url}"{here}>{html.escape(text)}</a></li>')
        made.append('</ul>')
    return '''<header id="bar">
<button id="menu" aria-controls="nav" aria-expanded="false">Menu</button>
<a class="brand" href="index.html">Strata</a>
<div id="find"><input id="search" type="search" placeholder="Search" aria-label="Search"
 autocomplete="off" spellcheck="false"/><div id="results" hidden></div></div>
<button id="theme" aria-label="Light or dark" title="Light or dark"></button>
</header>
<nav id="nav" aria-label="The site">
''' + '\n'.join(made) + '\n</nav>'


def around(reading, name):
    """What comes before and after a page in the order of reading."""
    at = [page.name for page in reading].index(name)
    made = ''
    if at > 0:
        page = reading[at - 1]
        made += f'<a rel="prev" href="{page.url}">{html.escape(page.short)}</a>'
    if at + 1 < len(reading):
        page = reading[at + 1]
        made += f'<a rel="next" href="{page.url}">{html.escape(page.short)}</a>'
    return f'<nav id="around" aria-label="Before and after">{made}</nav>'


# --- one page -----------------------------------------------------------------

HEADING = re.compile(r'<h([1-5])><a class="anchor" id="([^"]*)"></a>\s*(.*?)</h\1>', re.S)


def with_headings(text):
    """A page of the book whose title is its first heading."""
    def lower(match):
        level, name, title = int(match[1]) + 1, match[2], match[3].strip()
        return (f'<h{level} id="{name}">{title} <a class="here" href="#{name}" '
                f'aria-label="Link to this section">#</a></h{level}>')
    text = re.sub(r'<a class="anchor" id="md_[^"]*"></a>\s*', '', text)
    return HEADING.sub(lower, text)


def contents(text):
    """The table of contents of a page that has several sections."""
    found = re.findall(r'<h([23]) id="([^"]*)">(.*?) <a class="here"', text, re.S)
    if len(found) < 3:
        return ''
    items = ''.join(f'<li class="level{level}"><a href="#{name}">'
                    f'{re.sub("</?a[^>]*>", "", title)}</a></li>' for level, name, title in found)
    return ('<details id="toc"><summary>On this page</summary>'
            f'<ul>{items}</ul></details>')


def without_dead_ends(text):
    """Doxygen's list of a page's parts without those that the page has not."""
    def kept(match):
        links = [link for link in re.findall(r'<a .*?</a>', match[1])
                 if not (to := re.search(r'href="#([^"]*)"', link)) or f'id="{to[1]}"' in text]
        return f'<div class="summary">{" &#124; ".join(links)}</div>'
    return re.sub(r'<div class="summary">(.*?)</div>', kept, text, flags=re.S)


def with_path(text):
    """Where a class or header is, in one line above its name."""
    def line(match):
        steps = re.findall(r'<li[^>]*>(.*?)</li>', match[0], re.S)
        return f'<p class="path">{" / ".join(steps)}</p>'
    return re.sub(r'<div id="nav-path".*?</div>', line, text, flags=re.S)


def with_drawings(out, text):
    """Doxygen's graphs as part of the page, so that they can be light or dark."""
    def drawn(match):
        file = out / match[1]
        svg = re.sub(r'^.*?(?=<svg)', '', file.read_text(), flags=re.S)
        svg = re.sub(r'\bid="', f'id="{file.stem}_', svg)
        svg = re.sub(r' fill="(white|transparent)" stroke="(white|transparent)"',
                     ' fill="none"', svg)
        return f'<div class="graph">{re.sub("<!--.*?-->", "", svg, flags=re.S)}</div>'
    return re.sub(r'<iframe[^>]* src="([^"]+\.svg)".*?</iframe>', drawn, text, flags=re.S)


def finish(book, out, names, file):
    """Makes a page of the site of one of Doxygen's, and returns its text."""
    text = file.read_text()
    for sign, hidden in pages.HIDDEN.items():
        text = text.replace(hidden, sign)
    text = re.sub(r'href="(header:[^"]*)"',
                  lambda match: f'href="{names.resolved(match[1])}"', text)
    text = re.sub(r'<div class="title">(.*?)\s*</div>',
                  r'<h1 class="title">\1</h1>', text, flags=re.S)
    text = with_drawings(out, with_path(without_dead_ends(text)))
    name = file.stem
    written = {page.name: page for page in book.pages.values()}
    if name in written or name.startswith('source') or name in (
            'api', 'the_report', 'no_notebooks'):
        text = with_headings(text)
        text = text.replace('<body>', '<body class="book">')
        text = text.replace('<div class="contents">',
                            f'{contents(text)}\n<div class="contents">', 1)
    reading = [page for page in [written.get('index'), book.contents, *book.stages,
                                 *book.chapters] if page]
    if name in [page.name for page in reading]:
        text = text.replace('<!-- what comes before and after -->', around(reading, name))
    text = text.replace('<!-- the navigation -->', navigation(groups(book, out), file.name))
    file.write_text(text)
    return text


# --- what comes from elsewhere ------------------------------------------------

def bring(book, out, names):
    """The report, the tour, the notebooks and the pictures."""
    for source, name in ((book.report, 'report.html'), (book.tour, 'tour.html')):
        if source.exists():
            (out / 'report').mkdir(exist_ok=True)
            shutil.copy(source, out / 'report' / name)
    for source in book.rendered:
        (out / 'notebooks').mkdir(exist_ok=True)
        text = source.read_text()
        for target in set(pages.links_of(text)):
            url = names.resolved(book.link(f'{pages.RENDERED}/{source.name}', target))
            url = url.removeprefix('notebooks/') if url.startswith('notebooks/') else f'../{url}'
            text = text.replace(f'href="{html.escape(target)}"', f'href="{url}"')
        (out / 'notebooks' / source.name).write_text(text)
    for page in book.pages.values():
        for picture in re.findall(r'\]\(([^)\s]+\.(?:svg|png))\)', page.text):
            url = book.link(page.path, picture)
            if url.startswith('files/'):
                to = out / url
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(book.root / url[len('files/'):], to)


# --- search -------------------------------------------------------------------

def sections(page, text):
    """Entries for a page of the book: one for each of its sections."""
    body = re.search(r'<div class="contents">(.*)</div><!-- contents -->', text, re.S)
    parts = re.split(r'<h[23] id="([^"]*)">(.*?) <a class="here".*?</h[23]>',
                     body[1] if body else '', flags=re.S)
    yield [page.title, 'chapter', page.url, text_of(parts[0])]
    for name, title, words in zip(parts[1::3], parts[2::3], parts[3::3]):
        yield [text_of(title), page.short, f'{page.url}#{name}', text_of(words)]


def interface(out, names):
    """Entries for classes, headers and their members."""
    seen, briefs = set(), {}
    for compound in names.compounds:
        kind = compound.get('kind')
        if kind not in ('class', 'struct', 'namespace', 'file'):
            continue
        name, url = compound.findtext('name'), compound.findtext('filename')
        url = url if url.endswith('.html') else f'{url}.html'
        if not (out / url).exists():
            continue
        text = (out / url).read_text()
        briefs.update(re.findall(
            r'<tr class="memdesc:(\w+)">.*?<td class="mdescRight">(.*?)(?:<a |<br)', text, re.S))
        detail = re.search(r'id="details".*?<div class="textblock">(.*?)</div>', text, re.S)
        yield [name, kind, url, text_of(detail[1] if detail else '')]
        for member in compound.findall('member'):
            to = f'{member.findtext("anchorfile")}#{member.findtext("anchor")}'
            if to in seen or not (out / member.findtext('anchorfile')).exists():
                continue
            seen.add(to)
            scope = '' if kind == 'file' else name.removeprefix('strata::') + '::'
            brief = text_of(briefs.get(member.findtext('anchor'), ''))
            yield [scope + member.findtext('name'), member.get('kind'), to,
                   f'{member.findtext("arglist") or ""} {brief}'.strip()]


def main():
    root = pathlib.Path(sys.argv[1])
    out, names, book = root / 'html', Names(root / 'names.xml'), pages.Book()
    for path, page in book.pages.items():
        pages.as_page(book, page)  # for the sources that they link to
    index = list(interface(out, names))
    bring(book, out, names)
    written = {page.name: page for page in book.pages.values()}
    for file in sorted(out.glob('*.html')):
        text = finish(book, out, names, file)
        if file.stem in written:
            index = list(sections(written[file.stem], text)) + index
    index += [['The headers', 'API', 'api.html', ''],
              ['The report', 'benchmarks', 'the_report.html', '']]
    index += [[path, 'source', f'{name}.html', ''] for path, name in book.sources.items()]
    (out / 'index.js').write_text(
        'window.searchIndex = ' + json.dumps(index, separators=(',', ':')) + ';\n')


if __name__ == '__main__':
    main()
