#!/usr/bin/env python3
"""The check of the site's links finds those that lead nowhere, and no others."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WHOLE = '''<!DOCTYPE html><html><head><link rel="stylesheet" href="a%20style.css"/>
<script src="site.js"></script></head><body><h1 id="up">A</h1>
<a href="#up">up</a> <a href="#">top</a> <a href="b/b.html#x&amp;y">b</a> <a href="b/b.html">b</a>
<a href="https://example.org/#nowhere">elsewhere</a> <a href="mailto:a@example.org">mail</a>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="/> <img srcset="b/one.png 1x, b/two.png 2x"/>
<svg><a xlink:href="b/b.html#named">c</a></svg></body></html>
'''


class SiteLinksTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / 'a site'
        (self.root / 'b').mkdir(parents=True)
        for name in ('a style.css', 'site.js', 'b/one.png', 'b/two.png'):
            (self.root / name).write_text('')
        (self.root / 'a.html').write_text(WHOLE)
        (self.root / 'b/b.html').write_text(
            '<p id="x&amp;y"><a name="named"></a><a href="../a.html#up">a</a></p>')

    def check(self):
        done = subprocess.run(
            [sys.executable, ROOT / 'docs/tools/site_links.py', self.root],
            stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def finds(self, planted, said):
        (self.root / 'a.html').write_text(WHOLE + planted)
        self.assertEqual(self.check(), (1, said + '\n'))

    def test_passes_a_site_that_is_whole(self):
        self.assertEqual(self.check(), (0, ''))

    def test_finds_what_leads_nowhere(self):
        for planted, said in (
                ('<a href="gone.html">x</a>', 'gone.html leads nowhere'),
                ('<img src="gone.png"/>', 'gone.png leads nowhere'),
                ('<a href="b">x</a>', 'b leads nowhere'),
                ('<a href="../a%20site.html">x</a>', '../a%20site.html leads nowhere'),
                ('<a href="#down">x</a>', '#down: there is no such anchor'),
                ('<a href="b/b.html#up">x</a>', 'b/b.html#up: there is no such anchor'),
                ('<img srcset="b/one.png 1x, b/three.png 3x"/>', 'b/three.png leads nowhere'),
                ('<svg><a xlink:href="c.html">x</a></svg>', 'c.html leads nowhere')):
            self.finds(planted, f'a.html:7: {said}')

    def test_finds_what_would_be_fetched(self):
        for planted, url in (
                ('<script src="https://example.org/a.js"></script>', 'https://example.org/a.js'),
                ('<img src="//example.org/a.png"/>', '//example.org/a.png'),
                ('<link rel="stylesheet" href="http://example.org/a.css"/>',
                 'http://example.org/a.css'),
                ('<a href="file:///tmp/a.html">x</a>', 'file:///tmp/a.html'),
                ('<a href="header:common/a.h">x</a>', 'header:common/a.h')):
            self.finds(planted, f'a.html:7: {url} is not of this site')

    def test_finds_that_there_are_no_pages(self):
        (self.root / 'a.html').unlink()
        (self.root / 'b/b.html').unlink()
        self.assertEqual(self.check(), (1, f'{self.root}: there are no pages\n'))


if __name__ == '__main__':
    unittest.main()
