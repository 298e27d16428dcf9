"""What a program asks of the operating system, as strace sees it."""

import dataclasses
import functools
import os
import re
import shutil
import signal
import subprocess

from program import Unseen

READS = {'read', 'pread64', 'readv', 'preadv', 'preadv2'}
WRITES = {'write', 'pwrite64', 'writev', 'pwritev', 'pwritev2'}
SYNCS = {'fsync', 'fdatasync'}
OPENS = {'openat', 'openat2', 'open', 'creat'}
NAMES = {'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat'}
HIDDEN = {'mmap', 'io_uring_setup', 'io_setup', 'sendfile',
          'copy_file_range', 'splice'}
LINE = re.compile(r'(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+|0x\w+)'
                  r'(?:<(?P<opened>[^>]*)>)?')
FD_PATH = re.compile(r'\d+<([^>]*)>')


@dataclasses.dataclass
class Call:
    """A system call: of which file, and how many bytes it moved."""
    name: str
    path: str
    bytes: int
    text: str
    to: str = ''  # the new name of what is renamed


@functools.cache
def strace():
    """The program, or nothing where it is missing or may not watch."""
    program = shutil.which('strace')
    works = program and subprocess.run(
        [program, '-qq', '-o', '/dev/null', 'true'],
        capture_output=True, check=False).returncode == 0
    return program if works else None


def whole_lines(text):
    """The calls of a trace; one that another thread cut in two is joined."""
    begun = {}
    for line in text.splitlines():
        pid, _, rest = line.partition(' ')
        rest = rest.lstrip()
        if rest.endswith('<unfinished ...>'):
            begun[pid] = rest.removesuffix('<unfinished ...>').rstrip()
            continue
        resumed = re.match(r'<\.\.\. \w+ resumed>\s*', rest)
        if resumed:
            rest = begun.pop(pid, '') + rest[resumed.end():]
        yield rest


def paths_in(arguments, cwd):
    """The paths that a call names, made absolute."""
    paths = []
    for folder, path in re.findall(r'(?:(?:\d+|AT_FDCWD)<([^>]*)>, )?"([^"]*)"',
                                   arguments):
        paths.append(os.path.normpath(os.path.join(folder or cwd, path)))
    return paths


def killed_at(t, number, *words, options=()):
    """Runs a command that is killed when it makes its `number`th call that
    changes a file or a name.
    @returns its outcome, or nothing if it ended before that"""
    if strace() is None:
        raise Unseen('strace is not here, or may not watch other processes')
    names = ','.join(sorted(WRITES | SYNCS | NAMES | {'ftruncate'}))
    t.note(words, options)
    t.done[-1] += f'   # killed at call {number} of {names}'
    outcome = t.launch(
        [strace(), '-f', '-qq', '-o', '/dev/null', '-e', f'trace={names}',
         '-e', f'inject={names}:signal=KILL:when={number}',
         *t.arguments(words, options)])
    return outcome if outcome.status == -signal.SIGKILL else None


def traced(t, *words, options=(), stdin=b'', root=None):
    """Runs a command as `t.run` does.
    @returns its outcome and its calls at the store's files and at standard
      output, in order"""
    if strace() is None:
        raise Unseen('strace is not here, or may not watch other processes')
    out = t.home / 'trace'
    names = ','.join(sorted(READS | WRITES | SYNCS | OPENS | NAMES |
                            HIDDEN))
    t.note(words, options, stdin)
    outcome = t.launch(
        [strace(), '-f', '-y', '-qq', '-s', '200', '-e', f'trace={names}',
         '-e', 'signal=none', '-o', str(out), *t.arguments(words, options)],
        stdin)
    output = f'pipe:[{outcome.pipe}]'
    calls = []
    root = str(root or t.db.resolve())
    for line in whole_lines(out.read_text(errors='replace')):
        match = LINE.match(line)
        if not match or match['result'].startswith('-'):
            continue
        if match['name'] in NAMES:
            named = paths_in(match['arguments'], str(t.home))
            if named and named[0].startswith(root + '/'):
                calls.append(Call(match['name'], named[0], 0, line, named[-1]))
            continue
        path = FD_PATH.search(match['arguments'])
        path = match['opened'] or (path[1] if path else '')
        inside = path == root or path.startswith(root + '/')
        if match['name'].startswith('io_') or match['name'] in HIDDEN and inside:
            raise Unseen(f'the program reads or writes by {match["name"]}, which '
                         'cannot be counted')
        to_output = not inside and path == output
        if inside or to_output:
            calls.append(Call(match['name'], 'output' if to_output else path,
                              int(match['result'], 0), line))
    if all(c.path == 'output' for c in calls) and t.db.exists():
        raise Unseen('none of its calls at the files in the store was seen')
    return outcome, calls


def reads(calls):
    """(calls, bytes) that were read of the store's files."""
    found = [c for c in calls if c.name in READS and c.path != 'output']
    return len(found), sum(c.bytes for c in found)
