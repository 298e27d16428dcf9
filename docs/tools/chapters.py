#!/usr/bin/env python3
"""Keeps what the chapters show true: listings are pulled from the sources,
outputs from real runs, tables from the project's data, pictures from both.

A comment directly before a fenced block says what the block holds:

    <!-- code: FILE [SYMBOL...] [with comments] -->
        the definitions of the symbols, or the whole file. `A::b` is found
        outside the class or inside it; `name#2` is the second of that name;
        `Suite.Name` is a test.
    <!-- diff: FILE FILE [SYMBOL [SYMBOL]] [with comments] -->
        how the second differs from the first; the second symbol is what the
        second file calls the first. `A::f` that became `B::f` is shown as if
        `A` had been called `B` all along.
    <!-- run -->
        lines that begin with "$ " are commands, the lines after one are what
        it prints. A command goes on in the next line after a backslash, or
        with a line that begins with "> ". All commands of a chapter run in
        one bash session, in an empty directory, with the stages in PATH.
    <!-- run: unchecked -->
        run, but the output is not compared (times, sizes of a machine).
    <!-- run: mask 's/[0-9.]+ s/… s/' -->
        the sed -E expression is applied to the output first.

Before a table, which may still be empty:

    <!-- table: museum ["HEADING"] -->
        the bugs of tests/mutations/mutations.txt, or those under a heading.

Before an image `![what it shows](../../docs/pictures/NAME.svg)`:

    <!-- picture: NAME [ARGUMENT...] -->
        pictures.py says which there are; the file is compared, or written.

chapters.py --check fails when any of these differs; --write fills them in,
unchecked outputs only where they are empty, or always with --refresh.
"""

import argparse
import difflib
import os
import pathlib
import re
import signal
import struct
import sys

from listings import difference, listing
from pictures import picture
from runs import Session, run_block
from tables import table
from wrong import Wrong

ROOT = pathlib.Path(__file__).resolve().parents[2]

DIRECTIVE = re.compile(r'\s*<!--\s*([\w-]+)(?::\s*(.*?))?\s*-->\s*$')
FENCE = re.compile(r'(`{3,})([\w+-]*)\s*$')
IMAGE = re.compile(r'!\[([^\]]+)\]\(([^)\s]+\.svg)\)\s*$')
FENCED = ('code', 'diff', 'run')
UNFENCED = ('table', 'picture')
TOLD = ('cpp', 'diff', 'console')  # never written by hand


def blocks(lines):
    """Yields (line of the directive, kind, its text, first, last) of each
    block; the block's own lines are [first, last). The kind is None where
    something is wrong, which the text tells, and '?' for an unknown one."""
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence:
            block, at = fenced_block(lines, at, fence)
        else:
            block, at = other_block(lines, at)
        if block:
            yield block


def fenced_block(lines, at, fence):
    """The block whose fence stands in line `at`, or None where no directive
    fills it, and where it ends."""
    last = at + 1
    while last < len(lines) and lines[last].rstrip() != fence[1]:
        last += 1
    if last == len(lines):
        return (at, None, 'the fenced block does not end', at, at), last
    above = lines[at - 1].rstrip() if at > 0 else ''
    directive = DIRECTIVE.match(above)
    block = None
    if directive:
        block = at - 1, directive[1], directive[2] or '', at + 1, last
    elif above.endswith('-->'):
        block = at - 1, '?', above.strip(), at + 1, last
    elif fence[2] in TOLD:
        block = at, None, f'no directive fills this {fence[2]} block', at, at
    return block, last + 1


def other_block(lines, at):
    """What a directive in line `at` that no fence follows asks for, or what is
    wrong with that line, or None; and where it ends."""
    directive = DIRECTIVE.match(lines[at])
    kind = directive[1] if directive else None
    what = directive[2] or '' if directive else ''
    first = last = at + 1
    if first < len(lines) and FENCE.match(lines[first]) and kind not in UNFENCED:
        return None, first  # the fence's
    if kind == 'table':
        while last < len(lines) and lines[last].startswith('|'):
            last += 1
        return (at, kind, what, first, last), last
    if kind == 'picture':
        last = min(first + 1, len(lines))
        return (at, kind, what, first, last), last
    if kind in FENCED:
        return (at, None, 'no fenced block follows directly', at, at), first
    if directive and directive[2] is not None:
        return (at, '?', lines[at].strip(), at, at), first
    image = IMAGE.match(lines[at])
    if image and 'pictures' in pathlib.PurePosixPath(image[2]).parts[:-1]:
        return (at, None, 'no directive draws this picture', at, at), first
    return None, first


def report_difference(place, what, old, new):
    print(f'{place}: {what} is no longer true')
    print('\n'.join(difflib.unified_diff(
        old, new, 'in the chapter', 'in truth', lineterm='')))


class Chapter:
    """A document that is compared with the truth, or brought up to date."""

    def __init__(self, path, write, refresh, binaries):
        self.path = path
        self.name = os.path.relpath(path, ROOT)
        self.write = write
        self.refresh = refresh
        self.binaries = binaries
        self.session = None
        self.wrong = 0

    def settle(self):
        """@returns how many blocks are wrong, or differ."""
        lines = self.path.read_text().split('\n')
        new_lines, copied = [], 0
        try:
            for at, kind, what, first, last in blocks(lines):
                old = lines[first:last]
                place = f'{self.name}:{at + 1}'
                try:
                    new = self.contents(kind, what, old, place)
                except (Wrong, ValueError, LookupError, OSError,
                        struct.error) as error:
                    print(f'{place}: {error}')
                    self.wrong += 1
                    continue
                new_lines += lines[copied:first] + new
                copied = last
                if new != old and not self.write:
                    self.wrong += 1
                    report_difference(place, 'this block', old, new)
        finally:
            if self.session:
                self.session.close()
        new_lines += lines[copied:]
        if self.write and new_lines != lines and not self.wrong:
            self.path.write_text('\n'.join(new_lines))
            print(f'{self.name}: brought up to date')
        return self.wrong

    def contents(self, kind, what, old, place):
        """What the block should hold."""
        if kind == 'code':
            return listing(ROOT, what)
        if kind == 'diff':
            return difference(ROOT, what)
        if kind == 'run':
            if self.session is None:
                self.session = Session(ROOT, self.binaries)
            return run_block(self.session, what, old, self.refresh)
        if kind == 'table':
            return table(ROOT, self.path.parent, what)
        if kind == 'picture':
            self.settle_picture(what, old, place)
            return old
        if kind is None:
            raise Wrong(what)
        raise Wrong(f'unknown directive: {what if kind == "?" else kind}')

    def settle_picture(self, what, lines, place):
        """Compares the file that the image shows, or writes it."""
        image = IMAGE.match(lines[0]) if lines else None
        if not image:
            raise Wrong('no image ![what it shows](….svg) follows directly')
        file = pathlib.Path(os.path.normpath(self.path.parent / image[2]))
        if file.stem != what.split(' ')[0]:
            raise Wrong(f'the picture {what} is not to be called {file.name}')
        new = picture(self.binaries, what)
        old = file.read_text() if file.exists() else ''
        if new == old:
            return
        if self.write:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(new)
            print(f'{os.path.relpath(file, ROOT)}: drawn')
            return
        self.wrong += 1
        report_difference(place, f'the picture {image[2]}',
                          old.split('\n'), new.split('\n'))


def default_chapters():
    return [ROOT / 'README.md', *sorted(ROOT.glob('stages/*/README.md')),
            *sorted(ROOT.glob('docs/*.md')), ROOT / 'bench/README.md',
            ROOT / 'notebooks/README.md']


def main():
    parser = argparse.ArgumentParser(
        prog='chapters', description='Keeps what the chapters show true.')
    how = parser.add_mutually_exclusive_group()
    how.add_argument('--check', action='store_true', help='compare (default)')
    how.add_argument('--write', action='store_true', help='fill blocks in')
    parser.add_argument('--refresh', action='store_true',
                        help='with --write: unchecked outputs too')
    parser.add_argument('--bin', default=ROOT / 'build/release/bin',
                        help='where the programs are')
    parser.add_argument('chapter', nargs='*', type=pathlib.Path)
    options = parser.parse_args()
    chapters = [p.resolve() for p in options.chapter] or default_chapters()
    wrong = 0
    for path in chapters:
        if path.exists():
            wrong += Chapter(path, options.write, options.refresh,
                             pathlib.Path(options.bin).resolve()).settle()
        elif options.chapter:
            print(f'there is no {path}')
            wrong += 1
    if wrong:
        print(f'{wrong} blocks are wrong' + (
            '' if options.write else '; ./strata chapters --write mends '
            'them'))
    return 1 if wrong else 0


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
