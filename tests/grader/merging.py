"""Lessons on segments, deletes and merges."""

import os
import re
import shutil

from basics import stats_of
from crashes import expect_a_prefix, kill_after
from lesson import appends, at_once, has_both, lesson, logs, sorts
from program import Failed, Unseen, contents, files_with, noise, script
from tracing import NAMES, OPENS, SYNCS, WRITES, killed_at, traced

MERGE = 'contract.md#deleting-and-compacting'
SMALL = ('--segment-bytes', '2000')


def small(t):
    """Where there is a log each file that is written out is synced, so that the
    log can go; a few of them are enough then."""
    return ('--segment-bytes', '100000') if has_both(t.stage) else SMALL


def sizes(t):
    return sorted(len(data) for data in contents(t.db).values() if data)


@lesson('The log is cut into segments', 'contract.md#options', since=5,
        where=appends)
def segments(t):
    """A file that nobody writes to any more can be copied, merged and
    removed. A segment is closed once it holds --segment-bytes or more."""
    pairs = {f'key{i:03}': 'v' * 80 for i in range(200)}
    t.batch(*[('set', *pair) for pair in pairs.items()], options=SMALL)
    files = files_with(t.db, b'vvvv')
    if len(files) < 5:
        raise Failed('about ten files with records: 200 records of 100 bytes '
                     'in segments of 2,000', f'{len(files)}')
    largest = max(map(os.path.getsize, files))
    if largest > 2000 + 200:
        raise Failed('no file of records much larger than 2,000 bytes and a '
                     'record', f'one of {largest} bytes')
    t.expect_pairs(pairs)
    t.set('key000', 'newer')
    t.expect_pairs(pairs | {'key000': 'newer'})


@lesson('Many opens make no order of writing', MERGE, since=5)
def many_opens(t):
    """Each process may begin a file of its own, all within one second. The
    numbers of the files tell which is newer; a clock would not."""
    for i in range(12):
        t.set('k', f'{i}', options=('--segment-bytes', '30'))
        t.set('l' if i % 2 else 'm', f'{i}')
    t.get('k', '11')
    t.get('l', '11')
    t.get('m', '10')


@lesson('del deletes', MERGE, since=6)
def deletes(t):
    """After a del it is as if the key had never been written, also when the
    store is opened anew, and in all commands."""
    t.batch(('set', 'a', '1'), ('set', 'b', '2'), ('set', 'c', '3'))
    t.run('del', 'b').exits(0).prints('')
    t.get('b', None)
    t.expect_pairs({'a': '1', 'c': '3'})
    if sorted(t.keys()) != [b'a', b'c']:
        raise Failed('the keys a and c', b' '.join(t.keys()).decode())
    before = contents(t.db)
    t.run('del', 'never there').exits(0)
    # Whoever sorts would have to read to know that there is nothing.
    if appends(t.stage) and contents(t.db) != before:
        raise Failed('nothing written where there is nothing to delete',
                     'a file has changed')
    t.get('never there', None)
    t.set('b', 'again')
    t.get('b', 'again')
    got = t.batch(('set', 'd', '4'), ('del', 'd'), ('get', 'd'), ('del', 'a'),
                  ('get', 'a'), ('set', 'a', '5'), ('get', 'a'))
    got.prints('d\na\na\t5\n')
    got.sums_up(7, '2 set, 2 del, 3 get, 0 skipped')
    stats, got = stats_of(t)
    if stats['keys'] != 3:
        got.fail('3 keys: a, b and c')


@lesson('A deletion survives kill -9', MERGE, since=6)
def deletion_survives(t):
    """A del is a write: a record that says so is appended and acknowledged.
    Taken out of the memory alone, the key is back after the next open."""
    t.batch(('set', 'a', '1'), ('set', 'b', '2'))
    running = t.start('batch', '--ack', options=at_once(t.stage))
    running.acknowledged('del', 'a')
    running.kill()
    t.get('a', None)
    t.get('b', '2')


@lesson('compact gives space back', MERGE, since=6)
def compact_gives_back(t):
    """Of a key that was written ten times nine records are dead. It prints
    how many bytes and files there were before, and after."""
    pairs = {f'key{i:03}': f'{i} ' + noise(60, i) for i in range(100)}
    for turn in range(10):
        t.batch(*[('set', k, v if turn == 9 else noise(60, f'{turn} {k}'))
                  for k, v in pairs.items()], options=small(t))
    got = t.run('compact', options=small(t)).exits(0)
    numbers = [re.findall(rb'\d+', line) for line in got.records()]
    if len(numbers) != 2 or any(len(line) < 2 for line in numbers):
        got.fail('two lines, before and after, with bytes and files')
    live = stats_of(t)[0]['live_bytes']
    if sum(sizes(t)) > 1.5 * live + 2000:
        raise Failed(f'files of little more than the {live} bytes of records '
                     'that are live', f'{sum(sizes(t))} bytes')
    t.expect_pairs(pairs)
    t.run('compact').exits(0)
    t.expect_pairs(pairs)
    t.run('verify').exits(0)


@lesson('compact of an empty store', MERGE, since=6)
def compact_nothing(t):
    """There is nothing to do, and it is done."""
    t.run('compact').exits(0)
    t.set('k', 'v')
    t.run('del', 'k').exits(0)
    t.run('compact').exits(0)
    t.get('k', None)
    t.set('k', 'w')
    t.get('k', 'w')


@lesson('A deleted key stays gone through merges', MERGE, since=6)
def stays_gone(t):
    """A tombstone may go only when nothing that it hides is left. Dropped
    too early, the old value is back: the oldest bug of this kind of store
    (basho/bitcask#82)."""
    tiny = ('--segment-bytes', '60')
    t.batch(('set', 'k', 'old'), ('set', 'fill', 'x' * 80),
            ('del', 'k'), ('set', 'fill', 'y' * 80), options=tiny)
    for _ in range(3):
        t.get('k', None)
        t.run('compact', options=tiny).exits(0)
        t.set('fill', 'z' * 80, options=tiny)
    t.get('k', None)
    t.expect_pairs({'fill': 'z' * 80})


@lesson('Merging, deleting and writing in turns', MERGE, since=6)
def in_turns(t):
    """A long history with a merge now and then, beside a model in memory."""
    model = {}
    for turn in range(8):
        lines = []
        for i in range(150):
            key = f'key{(i * 37 + turn * 11) % 60}'
            if (i + turn) % 5 == 0:
                lines.append(('del', key))
                model.pop(key, None)
            else:
                model[key] = f'{turn}.{i}'
                lines.append(('set', key, model[key]))
            if i == 75 and turn % 2:
                lines.append(('compact',))
        t.batch(*lines, options=small(t) if turn % 2 and has_both(t.stage)
                else ('--segment-bytes', '700'))
        if turn % 3 == 2:
            t.run('compact').exits(0)
        t.expect_pairs(model)


def a_town(t):
    """Fills a store of a few segments. Little is dead in each, so that nothing
    merges by itself.
    @returns the pairs that are in it"""
    pairs = {f'key{i:02}': f'v{i}' * 20 for i in range(24)}
    lines = [('set', *pair) for pair in pairs.items()]
    # Of tables there are two, one for each process: more are worth merging.
    small = () if sorts(t.stage) else ('--segment-bytes', '300')
    parts = ((*lines[:3], ('set', 'gone', 'v' * 40), *lines[3:12]),
             (('del', 'gone'), *lines[12:], lines[-1]))
    for part in parts:
        t.batch(*part, options=small)
        if has_both(t.stage) and part is parts[0]:
            t.run('compact').exits(0)  # of the other, a log tells
    return pairs


@lesson('A merge is on disk before its inputs go', 'contract.md#sync', since=6)
def merge_is_durable(t):
    """The outputs are the only copy of records that may have been safe for
    years. If an input goes first, a power cut takes both. This holds with
    --sync never, too, but it is tried with always."""
    pairs = a_town(t)
    inputs = files_with(t.db, b'v1v1', b'gone')
    before = files_with(t.db, b'')
    if sorts(t.stage):  # what is in them may be compressed
        inputs = before
    _, calls = traced(t, 'compact', options=('--sync', 'always'))
    t.expect_pairs(pairs)
    outputs = files_with(t.db, b'v1v1v1')
    called = {call.path: call.to for call in calls if call.name in NAMES}
    if sorts(t.stage):
        made = {called.get(call.path) or call.path for call in calls}
        outputs = [name for name in made if name not in before or
                   name in called.values()]
    dirty, gone = set(), 0
    for call in calls:
        name = called.get(call.path, call.path)
        is_output = name in outputs
        if call.name in WRITES and is_output:
            dirty.add(name)
        elif call.name in NAMES and 'rename' in call.name and is_output:
            dirty.add(str(t.db.resolve()))
        elif call.name in OPENS and 'O_CREAT' in call.text and is_output:
            dirty.add(str(t.db.resolve()))
        elif call.name in SYNCS:
            dirty.discard(name)
        elif 'unlink' in call.name and call.path in inputs:
            gone += 1
            if dirty:
                raise Failed('before the first input goes, an fsync of each '
                             'output and then of the directory', 'not synced: '
                             + ', '.join(sorted(p.rsplit('/', 1)[-1]
                                                for p in dirty)))
    if not gone:
        raise Unseen('no file that held records was seen to go')


@lesson('kill -9 at each call of a merge', MERGE, since=6)
def killed_at_each_call(t):
    """Whatever writes, names, syncs or removes a file is a moment at which the
    process can end. In each of them every key has its last value, and what is
    deleted stays deleted."""
    pairs = a_town(t)
    image = t.db
    for number in range(1, 80):
        t.db = t.home / f'killed{number}'
        shutil.copytree(image, t.db)
        t.done.append(f'cp -r store {t.db.name}')
        if not killed_at(t, number, 'compact'):
            break
        t.expect_pairs(pairs)
        t.run('compact').exits(0)
        t.expect_pairs(pairs)
        shutil.rmtree(t.db)


@lesson('kill -9 while merges go on', MERGE, since=6)
def killed_merging(t):
    """A merge writes new files and removes old ones. At no moment may a key
    stand in neither, and a deleted one in both."""
    for turn in range(8):
        db = t.home / f'store{turn}'
        pairs = [(f'{i % 50}', f'{i} ' + 'x' * 60) for i in range(4000)]
        lines = []
        for i, pair in enumerate(pairs):
            lines.append(('set', *pair))
            if i % 200 == 199:
                lines.append(('compact',))
        path = t.home / 'lines'
        path.write_bytes(script(lines))
        # The next line is a compact; so long after it the process ends.
        acked = kill_after(t, db, path, 200 * (turn + 1), turn * 0.0006,
                           small(t))
        if not logs(t.stage):  # but a compact has written all out
            acked = (acked - 1) // 200 * 200
        found = dict(t.scan(db=db))
        expect_a_prefix(pairs, acked, found)
        t.set('after', 'the crash', db=db)
        t.run('compact', db=db).exits(0)
        found[b'after'] = b'the crash'
        t.expect_pairs(found, db=db)
