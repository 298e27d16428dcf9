"""Runs the program that is graded, and remembers what was done to it."""

import dataclasses
import os
import pathlib
import random
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import time

SECONDS = 60  # that a command may take
MOST = 64 << 20  # bytes that it may print


class Failed(Exception):
    """The program did not do what the contract says."""

    def __init__(self, expected, came, read=None):
        super().__init__(expected)
        self.expected = expected
        self.came = came
        self.read = read  # a section that says more than the lesson's own


class Unseen(Exception):
    """What a lesson asks for cannot be seen from here; why is its text."""


def shown(data, most=300):
    """Bytes for a person: as text where they are, cut where they are many."""
    text = data.decode(errors='backslashreplace')
    text = ''.join(c if c in '\t\n' or c.isprintable() else
                   c.encode('unicode_escape').decode() for c in text)
    if len(text) > most:
        text = f'{text[:most]}… ({len(data)} bytes)'
    return text


def lines_of(data):
    """The lines without their newlines."""
    return data.decode(errors='backslashreplace').splitlines()


@dataclasses.dataclass
class Outcome:
    """What a command has left: its exit status and what it printed."""
    trial: 'Trial'
    status: int
    out: bytes
    err: bytes
    pipe: int = 0  # the inode of its standard output

    def described(self):
        said = [f'exit code {self.status}' if self.status >= 0 else
                f'killed by {signal.Signals(-self.status).name}']
        for name, data in (('standard output', self.out),
                           ('standard error', self.err)):
            if data:
                said.append(f'{name}: {shown(data).rstrip()}')
            else:
                said.append(f'nothing on {name}')
        return '\n'.join(said)

    def fail(self, expected, read=None):
        raise Failed(expected, self.described(), read)

    def records(self):
        """The lines of standard output, each of which ends in a newline."""
        if self.out and not self.out.endswith(b'\n'):
            self.fail('a newline behind the last line')
        return self.out.split(b'\n')[:-1]

    def unescaped(self, field):
        """What an escaped field means."""
        def byte(match):
            found = match[1]
            if found[:1] == b'x':
                return bytes([int(found[1:], 16)])
            return MEANINGS[found]
        good = rb'\\(x[0-9a-fA-F]{2}|[tnr\\])'
        if re.search(rb'\\(?!x[0-9a-fA-F]{2}|[tnr\\])', re.sub(good, b'', field)):
            self.fail('only the escapes of batch: ' + shown(field),
                      'contract.md#escapes')
        return re.sub(good, byte, field)

    def exits(self, status, why=''):
        """The exit code is `status`, and an error is one line."""
        if self.status == 2 and status == 0:
            self.fail('exit code 0: it is used as the contract says',
                      'contract.md#usage')
        if self.status != status:
            self.fail(f'exit code {status}{": " + why if why else ""}',
                      'contract.md#exit-codes')
        lines = len(lines_of(self.err))
        if status == 2 and lines != 1 or status > 2 and not 0 < lines < 6:
            self.fail('one line on standard error that says what went wrong',
                      'contract.md#errors')
        return self

    def prints(self, out):
        """Standard output is exactly `out`."""
        wanted = out.encode() if isinstance(out, str) else out
        if self.out != wanted:
            self.fail(f'on standard output: {shown(wanted).rstrip()}'
                      if wanted else 'nothing on standard output')
        return self

    def sums_up(self, operations, counts):
        """The last line on standard error is the summary of a batch."""
        last = (lines_of(self.err) or [''])[-1]
        if not re.fullmatch(rf'{operations} operations in '
                            rf'[0-9]+(\.[0-9]+)? s: {counts}', last):
            self.fail('as the last line on standard error: '
                      f'{operations} operations in S s: {counts}')
        return self

    def refuses(self, *words):
        """Exit code 2, nothing printed, and the error names each word."""
        self.exits(2, 'the program says no').prints('')
        for word in words:
            if word.lower() not in self.err.decode(errors='replace').lower():
                self.fail(f'the error to name {word}', 'contract.md#errors')
        return self


def environment():
    """Ours, without what makes a program better than it is."""
    return {name: value for name, value in os.environ.items()
            if name != 'PYTHONUNBUFFERED'}


class Trial:
    """A store of its own for one lesson, and the program to drive it."""

    def __init__(self, command, home, stage):
        self.command = command
        self.home = pathlib.Path(home)
        self.stage = stage
        self.db = self.home / 'store'
        self.done = []  # what was done, for a person
        self.running = []

    def arguments(self, words, options=(), db=None):
        return [*self.command, '--db', str(db or self.db), *options, *words]

    def note(self, words, options=(), stdin=b'', db=None):
        db = pathlib.Path(db or self.db).relative_to(self.home)
        words = [shown(os.fsencode(w), 60) for w in words]
        line = ' '.join(['PROGRAM', f'--db {db}', *options,
                         *map(shlex.quote, words)])
        if stdin:
            lines = [shown(line, 60) for line in stdin.rstrip().split(b'\n')]
            if len(lines) > 6:
                lines[3:-2] = [f'… ({len(lines) - 5} more)']
            line = '\n'.join([f"{line} <<'END'", *lines, 'END'])
        self.done.append(line)

    def run(self, *words, options=(), stdin=b'', db=None, seconds=SECONDS):
        """Runs one command to its end."""
        self.note(words, options, stdin, db)
        return self.launch(self.arguments(words, options, db), stdin, seconds)

    def launch(self, arguments, stdin=b'', seconds=SECONDS,
               stdout=subprocess.PIPE):
        try:
            process = subprocess.Popen(
                arguments, cwd=self.home, stdin=subprocess.PIPE, stdout=stdout,
                stderr=subprocess.PIPE, start_new_session=True,
                env=environment())
        except OSError as error:
            raise Failed('a program that the system can start (a script wants '
                         'a first line such as #!/bin/sh)', str(error)) from None
        with process:
            pipe = process.stdout and os.fstat(process.stdout.fileno()).st_ino
            try:
                out, err = talk(process, stdin, time.monotonic() + seconds)
            except TimeoutError:
                gone = process.poll() is not None
                raise Failed(
                    f'an end within {seconds} seconds', 'it has ended, but '
                    'another process that it started holds its output open'
                    if gone else 'it was still running, and was killed'
                ) from None
            finally:
                kill_group(process)
        return Outcome(self, process.returncode, out, err, pipe)

    def set(self, key, value, **how):
        return self.run('set', key, value, **how).exits(0).prints('')

    def get(self, key, value, **how):
        """`get` prints the value and a newline; None: there is none."""
        got = self.run('get', key, **how)
        if value is None:
            return got.exits(1, 'there is no such key').prints('')
        value = value.encode() if isinstance(value, str) else value
        return got.exits(0).prints(value + b'\n')

    def batch(self, *lines, options=(), flags=(), db=None):
        """Runs the lines, each a tuple of fields; all are well."""
        return self.run('batch', *flags, options=options, db=db,
                        stdin=script(lines)).exits(0)

    def keys(self, db=None):
        """The keys that `keys` prints, in its order."""
        got = self.run('keys', db=db).exits(0)
        return [got.unescaped(line) for line in got.records()]

    def scan(self, *bounds, db=None):
        """The pairs that `scan` prints, in its order."""
        got = self.run('scan', *bounds, db=db).exits(0)
        pairs = []
        for line in got.records():
            if line.count(b'\t') != 1:
                got.fail('a line KEY<TAB>VALUE for each pair')
            pairs.append(tuple(got.unescaped(f) for f in line.split(b'\t')))
        return pairs

    def expect_pairs(self, pairs, *bounds, db=None):
        """`scan` prints exactly these pairs, in ascending order of keys."""
        wanted = sorted((as_bytes(k), as_bytes(v)) for k, v in pairs.items())
        found = self.scan(*bounds, db=db)
        if found != wanted:
            raise Failed('from scan: ' + listed(wanted), listed(found))

    def start(self, *words, options=()):
        """Starts a command and leaves it running."""
        self.note(words, options)
        running = Running(self, self.arguments(words, options))
        self.running.append(running)
        return running

    def end(self):
        for running in self.running:
            running.kill()


def listed(pairs, most=8):
    """Pairs for a person."""
    text = ', '.join(f'{shown(k, 40)} = {shown(v, 40)}' for k, v in pairs[:most])
    more = len(pairs) - most
    return (text or 'nothing') + (f' and {more} more' if more > 0 else '')


def talk(process, stdin, deadline):
    """Feeds a process, and reads what it prints until it has ended.
    @throws TimeoutError, Failed"""
    said = {pipe: bytearray() for pipe in (process.stdout, process.stderr)
            if pipe}
    left = memoryview(stdin)
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as ready:
        for pipe in said:
            ready.register(pipe, selectors.EVENT_READ)
        ready.register(process.stdin, selectors.EVENT_WRITE)
        while ready.get_map():
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                raise TimeoutError
            for key, _ in ready.select(seconds):
                pipe = key.fileobj
                if pipe is process.stdin:
                    try:
                        left = left[os.write(key.fd, left[:65536]):]
                    except BrokenPipeError:
                        left = left[:0]
                    more = bool(left)
                else:
                    piece = os.read(key.fd, 65536)
                    said[pipe] += piece
                    more = bool(piece)
                    if len(said[pipe]) > MOST:
                        raise Failed(f'less than {MOST} bytes of output',
                                     'it printed on, and was killed')
                if not more:
                    ready.unregister(pipe)
                    pipe.close()
    try:
        process.wait(max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return bytes(said.get(process.stdout, b'')), bytes(said[process.stderr])


def group_is_there(process):
    try:
        os.killpg(process.pid, 0)
        return True
    except ProcessLookupError:
        return False


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Running:
    """A `batch --ack` that is spoken to line by line."""

    def __init__(self, trial, arguments):
        self.trial = trial
        self.number = 0
        self.seen = b''
        self.process = subprocess.Popen(
            arguments, cwd=trial.home, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, bufsize=0, env=environment())

    def say(self, *fields):
        """Sends a line."""
        self.number += 1
        self.trial.done.append(
            '  a line to it: ' + shown(script([fields])).rstrip())
        self.send(script([fields]))

    def send(self, data):
        try:
            self.process.stdin.write(data)
        except BrokenPipeError:
            raise Failed('the program to read its standard input to the end',
                         'it has ended') from None

    def acknowledged(self, *fields, seconds=20):
        """Sends a line and waits until it is acknowledged."""
        self.say(*fields)
        wanted = f'ok {self.number}\n'.encode()
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while not self.seen.endswith(b'\n'):
                left = deadline - time.monotonic()
                piece = (os.read(self.process.stdout.fileno(), 4096)
                         if left > 0 and ready.select(left) else None)
                if not piece:
                    raise Failed(
                        f'"ok {self.number}" as soon as the write is '
                        'acknowledged, before the next line is sent',
                        f'nothing within {seconds} seconds' if piece is None
                        else 'the program has ended', 'contract.md#batch')
                self.seen += piece
        if self.seen != wanted:
            raise Failed(f'"ok {self.number}"', shown(self.seen),
                         'contract.md#batch')
        self.seen = b''

    def count_oks(self, enough=None):
        """Reads on until there were so many lines "ok N", or to the end; lines
        of other operations do not count."""
        count, deadline = 0, time.monotonic() + SECONDS
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while enough is None or count < enough:
                if not ready.select(max(0, deadline - time.monotonic())):
                    raise Failed(f'{enough or "all"} lines of "ok", or an end, '
                                 f'within {SECONDS} seconds', f'{count}',
                                 'contract.md#batch')
                piece = os.read(self.process.stdout.fileno(), 65536)
                if not piece:
                    break
                *whole, self.seen = (self.seen + piece).split(b'\n')
                count += sum(line.startswith(b'ok ') for line in whole)
        return count

    def image(self, name):
        """Copies the store as it lies there now: what a kill -9 would leave."""
        to = self.trial.home / name
        for _ in range(20):  # files may come and go: it may merge meanwhile
            try:
                shutil.copytree(self.trial.db, to, symlinks=True)
                break
            except shutil.Error:
                shutil.rmtree(to)
        else:
            raise Unseen('files come and go faster than the store can be copied')
        self.trial.done.append(f'  cp -r store {name}   # what kill -9 leaves')
        return to

    def kill(self):
        """Ends it as kill -9 does, and waits until it is gone, with all that
        it has started."""
        if self.process.poll() is None:
            self.trial.done.append('  kill -9')
        kill_group(self.process)
        self.process.wait()
        deadline = time.monotonic() + 2
        while group_is_there(self.process) and time.monotonic() < deadline:
            time.sleep(0.001)
        self.process.stdin.close()
        self.process.stdout.close()

    def finish(self):
        """Ends its input, so that it ends by itself."""
        self.process.stdin.close()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            raise Failed('the program to end when its input ends',
                         'it goes on') from None
        if status != 0:
            raise Failed('exit code 0', f'exit code {status}')


MEANINGS = {b't': b'\t', b'n': b'\n', b'r': b'\r', b'\\': b'\\'}
ESCAPES = {meaning: b'\\' + letter for letter, meaning in MEANINGS.items()}


def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


def escaped(data):
    """As batch reads it and keys and scan print it."""
    return re.sub(rb'[\t\n\r\\]', lambda m: ESCAPES[m[0]], as_bytes(data))


def script(lines):
    """The lines of a batch."""
    return b''.join(b'\t'.join(map(escaped, fields)) + b'\n'
                    for fields in lines)


def noise(size, seed):
    """So many bytes of text that no compression makes much shorter."""
    letters = ('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
               '0123456789+/')
    return ''.join(random.Random(seed).choices(letters, k=size))


def contents(directory):
    """Every file below it, and its bytes."""
    directory = pathlib.Path(directory)
    if not directory.exists():
        return None
    return {str(path.relative_to(directory)): path.read_bytes()
            for path in sorted(directory.rglob('*')) if path.is_file()}


def files_with(directory, *values):
    """The files below it that hold one of the values, as whole paths."""
    return sorted(
        str(pathlib.Path(directory).resolve() / name)
        for name, data in contents(directory).items()
        if any(value in data for value in values))
