#!/usr/bin/env python3
"""Finds the links of a site that lead nowhere: site_links.py DIRECTORY.

Reads every page below the directory. A link is what an href, src, data,
srcset or poster names: a file of the site must be there, and what stands
behind a # must be in it. Nothing may be fetched from elsewhere to show a
page; a reader may follow links to elsewhere, which are not asked for.
Prints a line for each that is wrong.
"""

import html.parser
import os
import pathlib
import sys
import urllib.parse

FETCHED = {'src', 'data', 'poster', 'srcset'}
LINKS = FETCHED | {'href', 'xlink:href'}


class Page(html.parser.HTMLParser):
    """What a page names, and the anchors that it has."""

    def __init__(self, file):
        super().__init__()
        self.links, self.anchors = [], {'', 'top'}
        self.feed(file.read_text(errors='replace'))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors.update(filter(None, (given.get('id'), tag == 'a' and given.get('name'))))
        for name in LINKS & given.keys():
            fetched = name in FETCHED or tag == 'link'
            urls = [given[name] or '']
            if name == 'srcset':
                urls = [one.split()[0] for one in urls[0].split(',') if one.split()]
            self.links += [(url.strip(), fetched, self.getpos()[0]) for url in urls]


def broken(root):
    """Yields what is wrong with the site, a line each."""
    pages = {path: Page(path) for path in sorted(root.rglob('*.html'))}
    for path, page in pages.items():
        at = path.relative_to(root)
        for url, fetched, line in page.links:
            parts = urllib.parse.urlsplit(url)
            if parts.scheme == 'data' or (url.startswith('#') and fetched):
                continue
            if parts.scheme or parts.netloc:
                known = parts.scheme in ('http', 'https', 'mailto')
                if fetched or not known:
                    yield f'{at}:{line}: {url} is not of this site'
                continue
            name = urllib.parse.unquote(parts.path)
            to = pathlib.Path(os.path.normpath(path.parent / name)) if name else path
            if root not in to.parents or not to.is_file():
                yield f'{at}:{line}: {url} leads nowhere'
            elif to in pages and urllib.parse.unquote(parts.fragment) not in pages[to].anchors:
                yield f'{at}:{line}: {url}: there is no such anchor'
    if not pages:
        yield f'{root}: there are no pages'


def main():
    found = list(broken(pathlib.Path(sys.argv[1]).resolve()))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
