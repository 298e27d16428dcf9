#!/usr/bin/env python3
"""Keeps what the chapters show true: listings are pulled from the sources,
outputs from real runs.

A comment directly before a fenced block says what the block holds:

    <!-- code: FILE [SYMBOL...] [with comments] -->
        the definitions of the symbols, or the whole file. `A::b` is found
        outside the class or inside it; `name#2` is the second of that name.
    <!-- diff: FILE FILE [SYMBOL [SYMBOL]] -->
        how the second differs from the first; the second symbol is what the
        second file calls the first.
    <!-- run -->
        lines that begin with "$ " are commands, the lines after one are what
        it prints. A command goes on in the next line after a backslash, or
        with a line that begins with "> ". All commands of a chapter run in
        one bash session, in an empty directory, with the stages in PATH.
    <!-- run: unchecked -->
        run, but the output is not compared (times, sizes of a machine).
    <!-- run: mask 's/[0-9.]+ s/… s/' -->
        the sed -E expression is applied to the output first.

chapters.py --check fails when a block differs; --write fills the blocks in,
unchecked ones only where they are empty, or always with --refresh.
"""

import argparse
import difflib
import os
import pathlib
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 60


class Wrong(Exception):
    """A directive that cannot be carried out."""


# --- listings ---------------------------------------------------------------

LITERAL = re.compile(
    r'''"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|//.*|/\*.*?\*/''')


def bare(line):
    """The line without its literals and comments."""
    return LITERAL.sub('""', line).rstrip()


def definition_end(lines, first):
    """The last line of what begins at `first`: where its brackets are closed
    and it ends with a brace or a semicolon."""
    depth = 0
    for at in range(first, len(lines)):
        line = bare(lines[at])
        depth += sum(line.count(c) for c in '({[')
        depth -= sum(line.count(c) for c in ')}]')
        if depth <= 0 and line.endswith(('}', ';')):
            return at
    return len(lines) - 1


def definition_start(lines, at, comments):
    """The first line of what is named in line `at`."""
    while at > 0:
        above = lines[at - 1].strip()
        if not above or above.startswith(('//', '#')):
            break
        if above.endswith((';', '}', '{', ':')):
            break
        at -= 1
    while comments and at > 0 and lines[at - 1].strip().startswith('//'):
        at -= 1
    return at


def declares(line, name):
    """Whether an unindented line declares or defines `name`."""
    if not line or line[0] in ' }#/':
        return False
    line = bare(line)
    word = r'(?<![\w:~])' + re.escape(name)
    if re.search(rf'\b(class|struct|union|enum|concept)\b[^=({{]*{word}\b(?!::)',
                 line):
        return not line.endswith(';') or '{' in line
    called = re.search(rf'{word}\s*\(', line)
    if called:
        # Not a call: nothing assigned or returned stands before it.
        before = line[:called.start()]
        return '=' not in before and not before.startswith('return')
    return bool(re.search(rf'{word}\s*(\[[^\]]*\]\s*)*(=|\{{|;)', line))


def class_body(lines, first, last):
    """What stands between the braces of a class, moved to the margin."""
    while not bare(lines[first]).endswith('{'):
        first += 1
    return [line[2:] if line.startswith('  ') else line.strip()
            for line in lines[first + 1:last]]


def find_all(lines, name, comments):
    """Every definition of `name`; its declarations where there is none."""
    definitions, declarations = [], []
    at = 0
    while at < len(lines):
        if not declares(lines[at], name):
            at += 1
            continue
        last = definition_end(lines, at)
        first = definition_start(lines, at, comments)
        declared = '(' in lines[at] and '{' not in ''.join(
            bare(line) for line in lines[at:last + 1])
        (declarations if declared else definitions).append((first, last))
        at = last + 1
    found = [lines[a:b + 1] for a, b in definitions or declarations]
    if not found and '::' in name:
        outer, inner = name.split('::', 1)
        for at, line in enumerate(lines):
            kind = re.search(r'\b(class|struct|enum|union)\b', bare(line))
            if kind and declares(line, outer):
                body = class_body(lines, at, definition_end(lines, at))
                found += find_all(body, inner, comments)
    return found


def find(path, symbol, comments=False):
    """The lines that define `symbol` in the file."""
    name, _, wanted = symbol.partition('#')
    found = find_all(source(path).split('\n'), name, comments)
    if not found:
        raise Wrong(f'{path} defines no {name}')
    if not wanted and len(found) > 1:
        raise Wrong(f'{path} defines {name} {len(found)} times: say {name}#1 '
                    f'to {name}#{len(found)}')
    if wanted and not 1 <= int(wanted) <= len(found):
        raise Wrong(f'{path} defines {name} {len(found)} times')
    return found[int(wanted or 1) - 1]


def source(path):
    try:
        return (ROOT / path).read_text().rstrip('\n')
    except OSError as error:
        raise Wrong(f'cannot read {path}: {error.strerror}') from None


def listing(what):
    comments = what.endswith(' with comments')
    words = what.removesuffix(' with comments').split()
    if not words:
        raise Wrong('code: names no file')
    if len(words) == 1:
        return source(words[0]).split('\n')
    parts = ['\n'.join(find(words[0], word, comments)) for word in words[1:]]
    return '\n\n'.join(parts).split('\n')


def difference(what):
    words = what.split()
    if not 2 <= len(words) <= 4:
        raise Wrong('diff: wants two files, and symbols if you like')
    files, symbols = words[:2], words[2:] or [None]
    texts = [find(file, symbol) if symbol else source(file).split('\n')
             for file, symbol in zip(files, symbols * 2)]
    return list(difflib.unified_diff(
        *texts, *files, n=1, lineterm=''))


# --- runs -------------------------------------------------------------------


class Session:
    """A bash that runs the commands of one chapter."""

    MARK = '\x1e'  # between a command's output and its successor

    def __init__(self, binaries):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix='chapter.'))
        work = self.home / 'work'
        work.mkdir()
        environment = {
            **os.environ,
            'PATH': f'{binaries}{os.pathsep}{os.environ.get("PATH", "")}',
            'STRATA_ROOT': str(ROOT), 'HOME': str(self.home),
            'LC_ALL': 'C.UTF-8', 'TZ': 'UTC', 'TERM': 'dumb', 'COLUMNS': '80',
            'PAGER': 'cat', 'GIT_CONFIG_GLOBAL': '/dev/null',
            'GIT_CONFIG_COUNT': '1', 'GIT_CONFIG_KEY_0': 'safe.directory',
            'GIT_CONFIG_VALUE_0': '*',
        }
        shell = ['bash', '--noprofile', '--norc']
        if shutil.which('stdbuf'):
            # So that output and errors come in the order a terminal shows.
            shell = ['stdbuf', '-oL', '-eL', *shell]
        self.bash = subprocess.Popen(
            shell, cwd=work, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.status = 0

    def run(self, command):
        """What the command prints, as lines."""
        script = self.home / 'command'
        script.write_text(f'(exit {self.status})\n{command}\n')
        self.bash.stdin.write(
            f'. {shlex.quote(str(script))} </dev/null; '
            f"printf '{self.MARK}%d{self.MARK}' $?\n".encode())
        self.bash.stdin.flush()
        output = self._read_until_mark(command)
        text, status, _ = output.rsplit(self.MARK, 2)
        self.status = int(status)
        lines = [line.rstrip() for line in text.split('\n')]
        return lines[:-1] if not lines[-1] else lines

    def _read_until_mark(self, command):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        output = b''
        mark = self.MARK.encode()
        with selectors.DefaultSelector() as ready:
            ready.register(self.bash.stdout, selectors.EVENT_READ)
            while output.count(mark) < 2:
                if not ready.select(max(0, deadline - time.monotonic())):
                    raise Wrong(f'`{command}` took more than '
                                f'{TIMEOUT_SECONDS} seconds')
                piece = os.read(self.bash.stdout.fileno(), 1 << 16)
                if not piece:
                    raise Wrong(f'`{command}` ended the session')
                output += piece
        return output.decode(errors='replace')

    def close(self):
        try:
            os.killpg(self.bash.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.bash.stdin.close()
        self.bash.wait()
        self.bash.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)


def commands(lines):
    """Splits a block into commands: (lines as shown, command, output)."""
    found = []
    more = False
    for line in lines:
        if more:
            found[-1][0].append(line)
            found[-1][1].append(line.removeprefix('> '))
        elif line.startswith('$ '):
            found.append(([line], [line[2:]], []))
        elif found and line.startswith('> ') and not found[-1][2]:
            found[-1][0].append(line)
            found[-1][1].append(line[2:])
        elif found:
            found[-1][2].append(line)
        else:
            raise Wrong('a run block begins with a "$ " line')
        more = bool(found) and line.endswith('\\') and not found[-1][2]
    if not found:
        raise Wrong('a run block without a command')
    return [(shown, '\n'.join(code), out) for shown, code, out in found]


def masked(lines, expression):
    done = subprocess.run(
        ['sed', '-E', expression], input='\n'.join(lines) + '\n' * bool(lines),
        capture_output=True, text=True, check=False,
        env={**os.environ, 'LC_ALL': 'C.UTF-8'})
    if done.returncode:
        raise Wrong(f'mask: {done.stderr.strip()}')
    return done.stdout.split('\n')[:-1]


def run_block(session, what, old, refresh):
    """What the block should hold."""
    words = shlex.split(what)
    mask = words[1] if len(words) == 2 and words[0] == 'mask' else None
    unchecked = words == ['unchecked']
    if words and not mask and not unchecked:
        raise Wrong(f'run: knows "unchecked" and "mask EXPRESSION", not {what}')
    filled = any(out for _, _, out in commands(old))
    new = []
    for shown, command, out in commands(old):
        output = session.run(command)
        if mask:
            output = masked(output, mask)
        if unchecked and filled and not refresh:
            output = out
        if any(line.startswith(('$ ', '```')) for line in output):
            raise Wrong(f'`{command}` prints a line that would end the block')
        new += shown + output
    return new


# --- chapters ---------------------------------------------------------------

DIRECTIVE = re.compile(r'\s*<!--\s*([\w-]+)(?::\s*(.*?))?\s*-->\s*$')
FENCE = re.compile(r'(`{3,})([\w+-]*)\s*$')
KNOWN = ('code', 'diff', 'run')


def blocks(lines):
    """Yields (line of the directive, kind, its text, first, last) of each
    block; the block's own lines are [first, last)."""
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if not fence:
            directive = DIRECTIVE.match(lines[at])
            follows = at + 1 < len(lines) and FENCE.match(lines[at + 1])
            if directive and directive[1] in KNOWN and not follows:
                yield at, None, 'no fenced block follows directly', at, at
            at += 1
            continue
        last = at + 1
        while last < len(lines) and lines[last].rstrip() != fence[1]:
            last += 1
        directive = at > 0 and DIRECTIVE.match(lines[at - 1])
        if directive:
            yield at - 1, directive[1], directive[2] or '', at + 1, last
        elif at > 0 and lines[at - 1].rstrip().endswith('-->'):
            yield at - 1, '?', lines[at - 1].strip(), at + 1, last
        at = last + 1


def contents(kind, what, old, session, refresh):
    if kind == 'code':
        return listing(what)
    if kind == 'diff':
        return difference(what)
    if kind == 'run':
        return run_block(session, what, old, refresh)
    if kind is None:
        raise Wrong(what)
    raise Wrong(f'unknown directive: {what if kind == "?" else kind}')


def settle(path, write, refresh, binaries):
    """Compares one chapter with the truth, or writes it there.
    @returns how many blocks are wrong, or differ."""
    name = os.path.relpath(path, ROOT)
    lines = path.read_text().split('\n')
    new_lines, copied, wrong, session = [], 0, 0, None
    try:
        for at, kind, what, first, last in blocks(lines):
            old = lines[first:last]
            try:
                if kind == 'run' and session is None:
                    session = Session(binaries)
                new = contents(kind, what, old, session, refresh)
            except (Wrong, ValueError) as error:
                print(f'{name}:{at + 1}: {error}')
                wrong += 1
                continue
            new_lines += lines[copied:first] + new
            copied = last
            if new != old and not write:
                wrong += 1
                print(f'{name}:{at + 1}: this block is no longer true')
                print('\n'.join(difflib.unified_diff(
                    old, new, 'in the chapter', 'in truth', lineterm='')))
    finally:
        if session:
            session.close()
    new_lines += lines[copied:]
    if write and new_lines != lines:
        path.write_text('\n'.join(new_lines))
        print(f'{name}: brought up to date')
    return wrong


def default_chapters():
    return [ROOT / 'README.md', *sorted(ROOT.glob('stages/*/README.md')),
            *sorted(ROOT.glob('docs/*.md')), ROOT / 'bench/README.md',
            ROOT / 'notebooks/README.md']


def main():
    parser = argparse.ArgumentParser(
        prog='chapters', description='Keeps listings and outputs true.')
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
            wrong += settle(path, options.write, options.refresh,
                            pathlib.Path(options.bin).resolve())
        elif options.chapter:
            print(f'there is no {path}')
            wrong += 1
    if wrong:
        print(f'{wrong} blocks are wrong' + (
            '' if options.write else '; ./strata chapters --write mends '
            'listings and outputs'))
    return 1 if wrong else 0


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
