#!/usr/bin/env python3
"""Stage 01 in another language: a text log `key,value`, scanned whole.

It keeps the contract (docs/contract.md) and is graded like any other program:

    ./strata grade --stage 01 -- python3 docs/examples/scan_log.py

Read it beside stages/01_scan_log/store.cpp. Left out are `shell`, `--explain`
and `stats --files`.
"""

import contextlib
import fcntl
import json
import os
import re
import sys
import time

NAME = '01_scan_log'
OK, NO_SUCH_KEY, USAGE, DAMAGED, SYSTEM, TAKEN = range(6)
LATER = {
    'del': 'tombstones arrive with 06_compaction',
    'compact': 'merging of segments arrives with 06_compaction',
    'verify': 'a text record has no checksum; they arrive with 04_keydir',
    'salvage': 'a text record has no checksum; they arrive with 04_keydir',
    '--segment-bytes': 'a log cut into segments arrives with 05_segments',
}
ESCAPES = {b't': b'\t', b'n': b'\n', b'r': b'\r', b'\\': b'\\'}


class Refused(Exception):
    """Why something is not done, and the exit code that says so."""

    def __init__(self, code, why):
        super().__init__(why)
        self.code = code


def tell(line):
    print(f'{NAME}: {line}'.replace('\n', '\\n'), file=sys.stderr)


# --- the store ---------------------------------------------------------------


class ScanLog:
    """Set appends, get scans; of two records of a key the later one counts."""

    def __init__(self, directory, sync=False, write=False):
        self.path = os.path.join(directory, 'log.txt')
        self.sync = sync
        self.log = self.end = None
        if write:
            self.become_the_writer(directory)
        else:
            with contextlib.suppress(FileNotFoundError):  # there is none yet
                self.log = self.open(os.O_RDONLY)

    def open(self, flags):
        return open(os.open(self.path, flags | os.O_NOFOLLOW, 0o666),
                    'r+b' if flags & os.O_RDWR else 'rb', buffering=0)

    def become_the_writer(self, directory):
        made = not os.path.isdir(directory)
        os.makedirs(directory, exist_ok=True)
        self.lock = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(TAKEN, 'already open for writing: '
                          f'{directory}: another process holds the lock') from None
        self.log = self.open(os.O_RDWR | os.O_CREAT)
        if self.sync:
            os.fsync(self.lock)  # the log's name
            if made:
                above = os.open(os.path.dirname(os.path.abspath(directory)),
                                os.O_RDONLY)
                os.fsync(above)
                os.close(above)
        self.end = self.end_of_lines()
        if self.end < os.fstat(self.log.fileno()).st_size:
            tell(f'torn tail: {self.path}: offset {self.end}: cut off')
            self.log.truncate(self.end)

    def end_of_lines(self):
        """Where the last whole line ends, found from behind."""
        at = os.fstat(self.log.fileno()).st_size
        while at > 0:
            begin = max(0, at - 4096)
            newline = os.pread(self.log.fileno(), at - begin, begin).rfind(b'\n')
            if newline >= 0:
                return begin + newline + 1
            at = begin
        return 0

    def set(self, key, value):
        check(key, value)
        record = key + b',' + value + b'\n'
        try:
            done = os.pwrite(self.log.fileno(), record, self.end)
            while done < len(record):
                done += os.pwrite(self.log.fileno(), record[done:],
                                  self.end + done)
        except OSError:
            self.log.truncate(self.end)  # nobody is told that it was written
            raise
        if self.sync:
            os.fsync(self.log.fileno())
        self.end += len(record)

    def records(self):
        """(offset, key, value) of each line, key None where it is no record.
        What has no newline was never acknowledged, and is passed over."""
        if self.log is None:
            return
        offset = 0
        self.log.seek(0)
        with open(os.dup(self.log.fileno()), 'rb') as lines:
            for line in lines:
                if not line.endswith(b'\n'):
                    tell(f'torn tail: {self.path}: offset {offset}: '
                         f'{len(line)} bytes of an unfinished record')
                    return
                key, comma, value = line[:-1].partition(b',')
                good = comma and 0 < len(key) <= 65535
                yield offset, key if good else None, value if good else line[:-1]
                offset += len(line)

    def damaged(self, offset):
        return Refused(DAMAGED, f'damaged: {self.path}: offset {offset}: '
                       'no comma ends a key')

    def get(self, key):
        found = damage = None
        for offset, other, value in self.records():
            if other == key:
                found, damage = value, None
            elif other is None:
                damage = offset  # it may have held a newer value
        if damage is not None:
            raise self.damaged(damage)
        return found

    def live(self, over_damage=False):
        pairs = {}
        for offset, key, value in self.records():
            if key is not None:
                pairs[key] = (offset, value)
            elif not over_damage:
                raise self.damaged(offset)
        return pairs


def check(key, value=b''):
    if not key:
        raise Refused(USAGE, 'a key must have at least one byte')
    if len(key) > 65535:
        raise Refused(USAGE, 'a key may have at most 65,535 bytes')
    if b',' in key or b'\n' in key:
        raise Refused(USAGE, 'a key may not hold a comma or a newline')
    if b'\n' in value:
        raise Refused(USAGE, 'a value may not hold a newline')


# --- the command line --------------------------------------------------------


def escaped(data):
    names = {meaning: b'\\' + letter for letter, meaning in ESCAPES.items()}
    return b''.join(
        names.get(byte) or (b'\\x%02x' % byte[0]
                            if byte[0] < 32 or byte[0] == 127 else byte)
        for byte in (data[i:i + 1] for i in range(len(data))))


def unescaped(field):
    if re.search(rb'\\(?![tnr\\]|x[0-9a-fA-F]{2})',
                 re.sub(rb'\\\\', b'', field)):
        raise Refused(USAGE, 'a backslash begins no escape')
    return re.sub(
        rb'\\([tnr\\]|x..)', lambda m: ESCAPES.get(m[1]) or
        bytes([int(m[1][1:], 16)]), field)


def out(data):
    sys.stdout.buffer.write(data)


class Program:
    """One command, from its words to its exit code."""

    def __init__(self, directory, sync):
        self.directory = directory
        self.sync = sync
        self.store = None

    def to_read(self):
        self.store = self.store or ScanLog(self.directory)
        return self.store

    def to_write(self):
        if self.store is None or self.store.end is None:
            self.store = ScanLog(self.directory, self.sync, write=True)
        return self.store

    def set(self, key, value):
        check(key, value)  # before anything is made
        self.to_write().set(key, value)

    def get(self, key):
        value = self.to_read().get(key)
        if value is None:
            return NO_SUCH_KEY
        out(value + b'\n')

    def keys(self):
        for key in self.to_read().live():
            out(escaped(key) + b'\n')

    def scan(self, begin=b'', end=None):
        for key, (_, value) in sorted(self.to_read().live().items()):
            if key >= begin and (end is None or key < end):
                out(escaped(key) + b'\t' + escaped(value) + b'\n')

    def stats(self, *flags):
        if flags not in ((), (b'--json',)):
            raise Refused(USAGE, 'usage: stats [--json]')
        start = time.monotonic()
        live = self.to_read().live(over_damage=True)
        sizes = sum(len(k) + len(v) + 2 for k, (_, v) in live.items())
        log = self.store.log
        whole = sum(len(k) + len(v) + 2 for _, k, v in self.store.records()
                    if k is not None)
        stats = {
            'keys': len(live), 'live_bytes': sizes, 'dead_bytes': whole - sizes,
            'disk_bytes': os.fstat(log.fileno()).st_size if log else 0,
            'files': int(log is not None), 'index_bytes': 0,
            'open_seconds': round(time.monotonic() - start, 6)}
        out((json.dumps(stats) + '\n').encode() if flags else
            ''.join(f'{k} {v}\n' for k, v in stats.items()).encode())

    def dump(self, file=b'log.txt'):
        if file != b'log.txt':
            raise Refused(USAGE, 'the file of this store is log.txt')
        live = self.to_read().live(over_damage=True)
        damage = None
        for offset, key, value in self.store.records():
            if key is None:
                damage = damage or self.store.damaged(offset)
                out(b'log.txt\t%d\t%d\tdamaged\tno comma ends a key\n' % (
                    offset, len(value) + 1))
                continue
            state = b'live' if live[key][0] == offset else b'dead'
            out(b'log.txt\t%d\t%d\t%s\tkey=%s\tvalue=%s\n' % (
                offset, len(key) + len(value) + 2, state, escaped(key),
                escaped(value)))
        if damage:
            raise damage

    def batch(self, *words):
        flags = [w for w in words if w in (b'--ack', b'--skip-deletes')]
        files = [w for w in words if w not in flags]
        if len(files) > 1:
            raise Refused(USAGE, 'usage: batch [--ack] [--skip-deletes] [FILE]')
        done = dict.fromkeys(('set', 'del', 'get', 'skipped'), 0)
        start = time.monotonic()
        number = 0
        with open(files[0] if files else 0, 'rb') as lines:
            for number, line in enumerate(iter(lines.readline, b''), 1):
                try:
                    self.operation(line.removesuffix(b'\n'), number, flags, done)
                except Refused as why:
                    raise Refused(why.code, f'line {number}: {why}') from None
        sys.stdout.flush()
        print(f'{number} operations in {time.monotonic() - start:.3f} s: '
              f'{done["set"]} set, {done["del"]} del, {done["get"]} get, '
              f'{done["skipped"]} skipped', file=sys.stderr)

    def operation(self, line, number, flags, done):
        name, *fields = line.split(b'\t')
        fields = [unescaped(field) for field in fields]
        if name == b'set' and len(fields) == 2:
            self.set(*fields)
            done['set'] += 1
            if b'--ack' in flags:
                out(b'ok %d\n' % number)
                sys.stdout.flush()
        elif name == b'get' and len(fields) == 1:
            value = self.to_read().get(fields[0])
            out(escaped(fields[0]) + (
                b'' if value is None else b'\t' + escaped(value)) + b'\n')
            done['get'] += 1
        elif name == b'del' and len(fields) == 1 and b'--skip-deletes' in flags:
            done['skipped'] += 1
        elif name in (b'del', b'compact'):
            raise not_yet(name.decode())
        else:
            raise Refused(USAGE, 'no such operation, or not its fields')


def not_yet(name):
    return Refused(USAGE, f"no '{name}' yet: {LATER[name]}")


COMMANDS = {  # and how many words each may have
    'set': (2, 2), 'get': (1, 1), 'keys': (0, 0), 'scan': (0, 2),
    'stats': (0, 1), 'dump': (0, 1), 'batch': (0, 3)}
HELP = f'''{NAME} [--db DIR] [--sync never|always] COMMAND [ARGUMENT...]
commands: {" ".join(COMMANDS)} help
'''


def options_of(words):
    """Takes the options off the front of the words."""
    options = {'--db': f'./{NAME}.db', '--sync': 'never'}
    while words and words[0].startswith(b'--'):
        name, equals, value = os.fsdecode(words.pop(0)).partition('=')
        if name == '--':
            break
        if name in ('--help', '--version'):
            return options, [name.encode()]
        if name in LATER:
            raise not_yet(name)
        if not equals and words:
            value = os.fsdecode(words.pop(0))
        if name not in options or not value:
            raise Refused(USAGE, f'no such option, or no value: {name}')
        options[name] = value
    if options['--sync'] not in ('never', 'always'):
        raise Refused(USAGE, '--sync wants never or always')
    return options, words


def run(words):
    options, words = options_of(words)
    if not words:
        raise Refused(USAGE, 'no command: see help')
    name, *arguments = words
    name = os.fsdecode(name)
    if name in ('help', '--help', '--version'):
        out(HELP.encode() if name != '--version' else f'{NAME} 1\n'.encode())
        return OK
    if name in LATER:
        raise not_yet(name)
    least, most = COMMANDS.get(name, (0, -1))
    if most < 0:
        raise Refused(USAGE, f'no such command: {name}')
    if not least <= len(arguments) <= most:
        raise Refused(USAGE, f'{name} wants {least} to {most} arguments')
    program = Program(options['--db'], options['--sync'] == 'always')
    return getattr(program, name)(*arguments) or OK


def main():
    try:
        code = run([os.fsencode(word) for word in sys.argv[1:]])
        sys.stdout.flush()
        return code
    except Refused as why:
        sys.stdout.flush()
        tell(str(why))
        return why.code
    except OSError as error:
        tell(f'{error.filename or "the system"}: {error.strerror}')
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left, for nobody
        return SYSTEM


if __name__ == '__main__':
    sys.exit(main())
