"""Lessons on crashes, and on several processes at one store."""

import shutil
import time

from lesson import at_once, lesson, logs
from program import Failed, Unseen, contents, kill_group, lines_of, listed, script

CRASH = 'contract.md#opening-after-a-crash'
TOGETHER = 'contract.md#writers-and-readers'


@lesson('What is acknowledged survives kill -9', CRASH, where=logs)
def survives_kill(t):
    """An acknowledged write has reached the operating system. A buffer in
    the process dies with the process."""
    running = t.start('batch', '--ack')
    for i in range(5):
        running.acknowledged('set', f'k{i}', f'value {i}')
    running.kill()
    t.expect_pairs({f'k{i}': f'value {i}' for i in range(5)})
    running = t.start('batch', '--ack')
    running.acknowledged('set', 'k0', 'again')
    running.kill()
    t.get('k0', 'again')


@lesson('kill -9 in the midst of many writes', CRASH, where=logs)
def killed_in_full_flight(t):
    """The writes that were told "ok" are there; of the others those that came
    first, each of them whole."""
    for turn in range(6):
        db = t.home / f'store{turn}'
        pairs = [(f'{i % 40}', f'{i} ' + 'x' * (i % 300)) for i in range(20000)]
        lines = t.home / 'lines'
        lines.write_bytes(script([('set', *pair) for pair in pairs]))
        acked = kill_after(t, db, lines, 10 + 400 * turn)
        found = dict(t.scan(db=db))
        expect_a_prefix(pairs, acked, found)
        t.set('after', 'the crash', db=db)
        t.get('after', 'the crash', db=db)
        shutil.rmtree(db)


def kill_after(t, db, lines, acknowledged, seconds=0.0, options=()):
    """Kills a batch so long after it has acknowledged so many lines.
    @returns how many it had acknowledged then."""
    t.db, own = db, t.db
    try:
        running = t.start('batch', '--ack', str(lines), options=options)
    finally:
        t.db = own
    running.process.stdin.close()
    oks = running.count_oks(acknowledged)
    if oks < acknowledged:
        raise Failed(f'{acknowledged} lines of "ok" from batch --ack FILE',
                     f'{oks}', 'contract.md#batch')
    time.sleep(seconds)
    kill_group(running.process)
    oks += running.count_oks()
    running.kill()
    t.done.append(f'  kill -9 after {acknowledged} lines of "ok"')
    return oks


def expect_a_prefix(pairs, acked, found):
    """`found` is what the first n writes leave, for an n of at least
    `acked`."""
    model = {}
    for number, (key, value) in enumerate(pairs):
        if number >= acked and found == model:
            return
        model[key.encode()] = value.encode()
    if found != model:
        raise Failed(
            f'what the first {acked} writes have left, or those and some that '
            'came directly behind them', listed(sorted(found.items())))


class Tail:
    """A store as kill -9 leaves it, and where its last record lies."""

    def __init__(self, t):
        running = t.start('batch', '--ack')
        running.acknowledged('set', 'a', 'first')
        running.acknowledged('set', 'b', 'second')
        running.acknowledged('set', 'a', 'third')
        before = contents(running.image('before'))
        running.acknowledged('set', 'z', 'the last value')
        self.image = running.image('image')
        running.kill()
        self.file, self.begin, self.end = last_record(
            before, contents(self.image), b'the last value')

    def cut(self, t, at, zeros=0):
        """The image with the last record cut at `at`, and so many zeros behind
        it, as a new store."""
        t.db = t.home / f'cut{at}_{zeros}'
        shutil.copytree(self.image, t.db)
        path = t.db / self.file
        path.write_bytes(path.read_bytes()[:at] + b'\0' * zeros)
        t.done.append(f'cp -r image {t.db.name}')
        t.done.append(f'truncate -s {at} {t.db.name}/{self.file}')
        if zeros:
            t.done.append(f'  and {zeros} bytes of zero behind it')


def last_record(before, after, value):
    """The file that holds `value`, and the bytes in which it is new."""
    for name, data in after.items():
        old = before.get(name, b'')
        if value in data and value not in old:
            same = next((i for i, (x, y) in enumerate(zip(old, data))
                         if x != y), min(len(old), len(data)))
            return name, same, data.rindex(value) + len(value)
    raise Unseen('no file holds the value as it was written, so its record '
                 'cannot be cut')


@lesson('A torn tail is passed over', CRASH, where=logs)
def torn_tail(t):
    """A crash cuts the last record anywhere. Nobody was told that it had been
    written, so it may be gone; what stands in front of it was acknowledged.
    The reader says in one line what it passed over."""
    tail = Tail(t)
    step = max(1, (tail.end - tail.begin) // 12)
    for at in sorted({*range(tail.begin, tail.end, step), tail.end - 1}):
        tail.cut(t, at)
        before = contents(t.db)
        if t.get('a', 'third').err and at == tail.begin:
            raise Failed('nothing on standard error: the file ends behind a '
                         'whole record', 'something')
        t.get('b', 'second')
        got = t.get('z', None)
        if at > tail.begin and len(lines_of(got.err)) != 1:
            got.fail('one line on standard error that tells of the torn tail')
        if contents(t.db) != before:
            raise Failed('every file as it was: reading cuts nothing off',
                         'a file has changed', TOGETHER)


@lesson('Writing goes on behind a torn tail', CRASH, where=logs)
def goes_on(t):
    """The unfinished record is cut off first. Else the next record would be
    appended to its half and be lost with it at the next open."""
    tail = Tail(t)
    step = max(1, (tail.end - tail.begin) // 8)
    for at in sorted({*range(tail.begin, tail.end, step), tail.end - 1}):
        tail.cut(t, at)
        t.set('new', 'after')
        t.set('z', 'written again')
        t.expect_pairs({'a': 'third', 'b': 'second', 'new': 'after',
                        'z': 'written again'})


@lesson('Zeros behind the last record', CRASH, where=logs)
def zero_tail(t):
    """A file system may have made a file longer and not have filled it yet.
    Zeros are no record, and in some formats they look like one."""
    tail = Tail(t)
    for at in (tail.begin, (tail.begin + tail.end) // 2):
        for zeros in (1, 40, 5000):
            tail.cut(t, at, zeros)
            t.get('a', 'third')
            t.get('z', None)
            t.set('new', 'after')
            t.expect_pairs({'a': 'third', 'b': 'second', 'new': 'after'})


@lesson('One writer at a time', TOGETHER)
def one_writer(t):
    """Two that append at once mix their records. The second is turned away
    at once; readers are welcome."""
    running = t.start('batch', '--ack', options=at_once(t.stage))
    running.acknowledged('set', 'k', 'v')
    start = time.monotonic()
    t.run('set', 'k', 'w', seconds=30).exits(
        5, 'another process holds the store for writing')
    if time.monotonic() - start > 5:
        raise Failed('an answer at once', 'it came after more than 5 seconds')
    t.get('k', 'v')
    t.run('stats').exits(0)
    t.batch(('get', 'k')).prints('k\tv\n')  # who only reads is a reader
    (t.home / 'alias').symlink_to(t.db)
    t.done.append('ln -s store alias')
    others = [('batch', b'set\tk\tw\n'), ('set k w', b'')]
    if t.stage > 5:
        others += [('del k', b''), ('compact', b'')]
    for words, stdin in others:
        t.run(*words.split(), stdin=stdin, db=t.home / 'alias').exits(
            5, 'another process holds the store, by whatever name')
    running.acknowledged('set', 'k', 'x')
    t.get('k', 'x')
    running.finish()
    t.set('k', 'y')
    t.get('k', 'y')


@lesson('A dead writer keeps nobody out', TOGETHER)
def stale_lock(t):
    """Who was killed could not tidy up. A lock that is a file with a number
    in it would still be there."""
    running = t.start('batch', '--ack', options=at_once(t.stage))
    running.acknowledged('set', 'k', 'v')
    running.kill()
    t.set('k', 'w')
    t.get('k', 'w')


@lesson('A link in place of a file is refused', 'contract.md#damage')
def links(t):
    """A symbolic link would send the store's writes into somebody else's
    file."""
    t.set('k', 'v')
    name = next((name for name, data in contents(t.db).items()
                 if b'k' in data and b'v' in data), None)
    if name is None:
        raise Unseen('no file holds the record as it was written')
    victim = t.home / 'victim'
    shutil.move(t.db / name, victim)
    (t.db / name).symlink_to(victim)
    t.done.append(f'mv store/{name} victim; ln -s ../victim store/{name}')
    before = victim.read_bytes()
    got = t.run('set', 'k', 'w')
    if got.status not in (3, 4) or victim.read_bytes() != before:
        got.fail('exit code 4 (or 3), and the file that the link leads to '
                 'unchanged')


@lesson('What the system refuses is exit code 4', 'contract.md#exit-codes')
def refused_by_the_system(t):
    """An answer that reached nobody is none, and a path may lead through a
    file. Neither is a crash, and neither is a success."""
    t.set('k', 'v')
    for words in ('get k', 'scan', 'keys', 'dump', 'stats'):
        with open('/dev/full', 'wb') as full:
            t.done.append(f'PROGRAM --db store {words} > /dev/full')
            t.launch(t.arguments(words.split()), stdout=full).exits(
                4, 'nothing could be printed')
    (t.home / 'file').write_text('mine\n')
    t.done.append('echo mine > file')
    for words in ('get k', 'set k v'):
        t.run(*words.split(), db=t.home / 'file').exits(4, 'this is no directory')
        t.run(*words.split(), db=t.home / 'file/store').exits(4)
    if (t.home / 'file').read_text() != 'mine\n':
        raise Failed('the file as it was', 'it has changed')
