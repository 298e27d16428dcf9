#!/usr/bin/env python3
"""What Doxygen is given besides the headers: pages.py OUT.

Writes each Markdown file of the book once more under OUT/pages, line by line,
so that it reads well as a page of the site: headings have the anchors that a
code host gives them, links lead to pages, a console block shows what is typed
and what is printed. Adds the pages that nobody writes: the headers, the
sources that something links to, and what to do where there is no report.
Prints settings for Doxygen.
"""

import html
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r'^ *(`{3,}|~{3,})\s*([\w+-]*)')
CODE_OR_LINK = re.compile(
    r'`[^`]*`|(?P<image>!?)\[(?P<text>(?:`[^`]*`|[^\]`])*)\]'
    r'\(\s*<?(?P<target>[^)\s>]+)>?(?:\s+"(?P<title>[^"]*)")?\s*\)')
# Doxygen minds these even in code; finish.py puts them back.
HIDDEN = {'\\': '\ue05c', '@': '\ue040', '"': '\ue022'}
SCHEME = re.compile(r'[a-zA-Z][\w+.-]*:|//')
LANGUAGES = {'.cpp': 'cpp', '.h': 'cpp', '.py': 'py', '.in': 'cpp'}
NO_REPORT = '''\
There is no report of the benchmarks here yet. This measures and makes one, in a few minutes:

    ./strata bench --quick
    ./strata docs

'''
NO_NOTEBOOKS = '''\
The notebooks are not rendered here yet. This runs them and makes a page of each:

    ./strata notebooks --html
    ./strata docs

'''


def plain(heading):
    """A heading without what makes it look like something."""
    heading = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading)
    return re.sub(r'[`*]', '', heading).strip()


def slug(heading):
    """The anchor that a code host makes of a heading."""
    return re.sub(r'[^\w\- ]', '', plain(heading).lower()).replace(' ', '-')


def label(page, anchor):
    """What Doxygen takes for an anchor, alone of its name in the site."""
    return f'{page}_{re.sub(r"[^a-z0-9_-]", "", anchor)}'


def fences(lines):
    """Yields each line with the language of the fenced block that it belongs
    to, and whether it is to `open` or `close` that, or stands `in` it; ''
    outside."""
    inside = language = None
    for line in lines:
        match = FENCE.match(line)
        if inside is None and match:
            inside, language = match[1], match[2]
            yield line, language, 'open'
        elif inside and match and line.strip().strip(inside[0]) == '' and (
                len(line.strip()) >= len(inside)):
            yield line, language, 'close'
            inside = None
        else:
            yield line, language if inside else None, 'in' if inside else ''


class Page:
    """A page of the site that comes of a Markdown file."""

    def __init__(self, name, path, text):
        self.name, self.path, self.text = name, path, text
        found = re.search(r'^# +(.*?)\s*#*$', text, re.M)
        self.title = plain(found[1]) if found else name
        self.url = f'{name}.html'

    @property
    def short(self):
        """The title as it stands in the navigation."""
        match = re.match(r'Stage (\d+): (.)(.*)', self.title)
        return f'{match[1]} {match[2].upper()}{match[3]}' if match else self.title


# Where ./strata notebooks --html leaves them.
RENDERED = 'build/docs/notebooks'


class Book:
    """All pages, in the order of reading, and where a link leads."""

    def __init__(self, root=ROOT):
        self.root = root
        self.rendered = sorted((root / RENDERED).glob('*.html'))
        self.report = root / 'build/bench/report.html'
        self.tour = root / 'build/tour/report.html'
        self.sources = {}
        self.pages = {}
        self.add('index', 'README.md')
        self.stages = [
            self.add(f'stage_{path.parent.name}', path.relative_to(root))
            for path in sorted(root.glob('stages/*/README.md'))]
        self.contents = self.add('book', 'docs/README.md')
        self.chapters = [
            self.add(f'chapter_{path.stem.lower()}', path.relative_to(root))
            for path in self.in_order(root.glob('docs/*.md'))]
        self.benchmarks = self.add('benchmarks', 'bench/README.md')
        self.notebooks = self.add('notebooks', 'notebooks/README.md')

    def add(self, name, path):
        file = self.root / path
        if not file.exists():
            return None
        page = Page(name, str(path), file.read_text())
        self.pages[page.path] = page
        return page

    def in_order(self, paths):
        """As docs/README.md names them; then those that it does not."""
        text = self.contents.text if self.contents else ''
        named = re.findall(r'\]\(([\w.]+\.md)', text)
        place = {name: at for at, name in reversed(list(enumerate(named)))}
        return sorted((path for path in paths if path.name != 'README.md'),
                      key=lambda path: (place.get(path.name, 99), path.name.lower()))

    def documented(self, path):
        """Whether Doxygen makes a page of a file."""
        return (path.startswith(('common/', 'stages/')) and path.endswith('.h')
                and '/// @file' in (self.root / path).read_text())

    def headers(self):
        """The headers that Doxygen documents."""
        paths = (str(path.relative_to(self.root)) for top in ('common', 'stages')
                 for path in self.root.glob(f'{top}/**/*.h'))
        return sorted(filter(self.documented, paths))

    def link(self, path, target):
        """The URL in the site of what a link in `path` leads to; "header:" and
        the path of one that Doxygen makes a page of, and names it."""
        name, _, anchor = target.partition('#')
        here = pathlib.PurePosixPath(path).parent
        to = os.path.normpath(here / name) if name else path
        if (within := os.path.normpath(f'{to}/README.md')) in self.pages:
            to = within
        if to in self.pages:
            page = self.pages[to]
            return page.url + (f'#{label(page.name, anchor)}' if anchor else '')
        file = self.root / to
        if to.endswith('.ipynb') and file.exists():
            made = f'{file.stem}.html'
            if made in [page.name for page in self.rendered]:
                return f'notebooks/{made}'
            return 'no_notebooks.html'
        if file in self.rendered:
            return f'notebooks/{file.name}'
        if to.endswith(('.svg', '.png')) and file.exists():
            return f'files/{to}'
        if file.is_file() and self.documented(to):
            return f'header:{to}'
        if file.is_dir() or file.is_file():
            return self.source(to)
        return target

    def source(self, path):
        """The page of a file, or of a directory and the files in it."""
        if path not in self.sources:
            self.sources[path] = 'source_' + re.sub(r'\W', '_', path)
            if (self.root / path).is_dir():
                for file in self.files(path):
                    self.link('', file)
        return f'{self.sources[path]}.html'

    def files(self, directory):
        return sorted(str(path.relative_to(self.root))
                      for path in (self.root / directory).iterdir()
                      if path.is_file() and path.suffix not in ('.svg', '.png'))


# --- a page of the book -------------------------------------------------------

def escape(text):
    """As HTML in which Doxygen sees no end of a comment."""
    return html.escape(text, quote=False).replace('*/', '*&#47;').replace('/*', '&#47;*')


def console(lines):
    """What is typed, told from what is printed."""
    typed, before = False, ''
    for line in lines:
        again = typed and (line.startswith('> ') or before.endswith('\\'))
        typed = line.startswith('$ ') or again
        before = line
        sign = re.match(r'[$>] ', line) if typed else None
        text = escape(line[2:] if sign else line)
        yield (f'<b><i>{escape(line[:2]) if sign else ""}</i>{text}</b>'
               if typed else text)


def diff(lines):
    """What goes out, told from what comes in."""
    for line in lines:
        kind = {'+': 'ins', '-': 'del', '@': 'em'}.get(line[:1], 'span')
        yield f'<{kind}>{escape(line)}</{kind}>'


SHOWN = {'console': console, 'diff': diff}


def hidden(code):
    """Code without the signs that Doxygen would take for something else."""
    return ''.join(HIDDEN.get(sign, sign) for sign in code)


def with_links(book, page, text):
    """The text with links that lead to the pages of the site."""
    def replaced(match):
        target = match['target']
        if target is None:
            return hidden(match[0])
        if SCHEME.match(target):
            return match[0]
        url = book.link(page.path, target)
        if match['image']:
            words = html.escape(match['text'])
            return f'<img src="{url}" alt="{words}" class="picture"/>'
        return f'<a href="{url}">{match["text"]}</a>'
    return CODE_OR_LINK.sub(replaced, text)


def with_anchors(page, lines, seen):
    """The headings with anchors, none of which is among those `seen`."""
    for line in lines:
        match = re.match(r'(#{2,6}) +(.*?)\s*#*$', line)
        if match:
            count, name = 0, slug(match[2])
            while name in seen:
                count += 1
                name = f'{slug(match[2])}-{count}'
            seen.add(name)
            line = f'{match[1]} {match[2]} {{#{label(page.name, name)}}}'
        elif line.startswith('# ') and page.name != 'index':
            line = f'# {page.title} {{#{page.name}}}'
        yield line


def as_page(book, page):
    """The text of a page as Doxygen is to see it; no line moves."""
    made, prose, block, seen = [], [], [], set()

    def end_prose():
        text = '\n'.join(with_anchors(page, prose, seen))
        made.extend(with_links(book, page, text).split('\n') if prose else [])
        prose.clear()

    for line, language, place in fences(page.text.split('\n')):
        if not place:
            # Directives are for the tool that fills the blocks.
            prose.append('' if re.fullmatch(r'<!--.*-->', line) else line)
            continue
        end_prose()
        if language not in SHOWN:
            made.append(line)
        elif place == 'open':
            block.clear()
        elif place == 'in':
            block.append(line)
        else:
            shown = list(SHOWN[language](block)) or ['']
            made.append('@htmlonly[block]<pre class="fragment '
                        f'{language}">{shown[0]}')
            made.extend(shown[1:])
            made.extend(['</pre>@endhtmlonly', ''] if block else
                        ['</pre>@endhtmlonly'])
    end_prose()
    return '\n'.join(made)


# --- the pages that nobody writes ---------------------------------------------

def brief(text):
    """The first sentence that a header says of itself."""
    found = re.search(r'/// @file\n((?:///.*\n)+)', text)
    words = re.sub(r'^///', '', found[1], flags=re.M).split() if found else []
    sentence = re.match(r'.*?\.(?= |$)', ' '.join(words))
    return sentence[0].rstrip('.').replace('|', '&#124;') if sentence else ''


def headers_page(book):
    """Every header by directory, with its first sentence."""
    text = ['# The headers {#api}', '',
            'What the stages are made of. `common/` is shared by all of them, a stage '
            'has its own besides.']
    directory = None
    for path in book.headers():
        here, _, name = path.rpartition('/')
        if here != directory:
            directory = here
            anchor = re.sub(r'\W', '_', here)
            text += ['', f'## {here} {{#api_{anchor}}}', '',
                     '| header | what it is |', '|---|---|']
        text.append(f'| <a href="header:{path}">`{name}`</a> | '
                    f'{brief((book.root / path).read_text())} |')
    return '\n'.join(text) + '\n'


def report_page(book):
    text = '# The report {#the_report}\n\n'
    if book.report.exists():
        text += ('What this machine measured, with charts: '
                 '<a href="report/report.html">the report</a>.\n\n')
    else:
        text += NO_REPORT
    if book.tour.exists():
        text += ('A history replayed through every stage: '
                 '<a href="report/tour.html">the tour</a>.\n\n')
    else:
        text += ('`./strata tour` replays a real history through every stage, '
                 'and leaves a page that would be linked from here, too.\n\n')
    if book.benchmarks:
        text += ('What is measured and how: '
                 f'<a href="{book.benchmarks.url}">{book.benchmarks.title}</a>.\n')
    return text


def source_page(book, path, name):
    text = f'# {path} {{#{name}}}\n\n'
    file = book.root / path
    if file.is_dir():
        return text + '\n'.join(
            f'- <a href="{book.link("", one)}">{one}</a>' for one in book.files(path)) + '\n'
    content = file.read_text(errors='replace').rstrip('\n')
    language = LANGUAGES.get(file.suffix)
    if language:
        return f'{text}~~~~~~~~{{.{language}}}\n{content}\n~~~~~~~~\n'
    return (f'{text}@htmlonly[block]<pre class="fragment">{escape(content)}'
            '</pre>@endhtmlonly\n')


def sources_page(book):
    return ('# Other sources {#sources}\n\nTests, programs and tools that the '
            'book links to.\n\n' +
            '\n'.join(f'- <a href="{name}.html">{path}</a>'
                      for path, name in sorted(book.sources.items())) + '\n')


def links_of(page):
    """The relative links of a rendered notebook."""
    return [html.unescape(target) for target in re.findall(r'href="([^"#][^"]*)"', page)
            if not SCHEME.match(target)]


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def main():
    out = pathlib.Path(sys.argv[1]) / 'pages'
    book = Book()
    for path, page in book.pages.items():
        write(out / path, as_page(book, page))
    write(out / 'made/api.md', headers_page(book))
    write(out / 'made/report.md', report_page(book))
    write(out / 'made/no_notebooks.md',
          '# No notebooks yet {#no_notebooks}\n\n' + NO_NOTEBOOKS)
    for rendered in book.rendered:
        for target in links_of(rendered.read_text()):
            book.link(f'{RENDERED}/{rendered.name}', target)
    for path, name in list(book.sources.items()):
        write(out / f'made/{name}.md', source_page(book, path, name))
    if book.sources:
        write(out / 'made/sources.md', sources_page(book))
    elsewhere = sorted(str(path.relative_to(ROOT)) for top in ('common', 'stages')
                       for path in ROOT.glob(f'{top}/**/*.md'))
    print(f'INPUT = common stages "{out}"')
    print('EXCLUDE =', *(f'"{path}"' for path in elsewhere))
    print(f'USE_MDFILE_AS_MAINPAGE = "{out}/README.md"')


if __name__ == '__main__':
    main()
