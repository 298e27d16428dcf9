"""The exercises that are graded: each fails with the stage as it ships, and
passes once the reader has changed it."""

from basics import stats_of
from costs import of_gets
from lesson import FIRST, exercise
from program import Failed, contents, files_with, noise, script
from tracing import SYNCS, reads, traced


def size_of(t):
    return sum(map(len, contents(t.db).values()))


@exercise(FIRST, 'A set that changes nothing writes nothing')
def same_value(t):
    """The log grows by what was new, not by what was said again. What does a
    set cost now?"""
    t.set('k', 'v')
    t.set('l', 'w')
    before = size_of(t)
    t.set('k', 'v')
    t.batch(*[('set', 'l', 'w')] * 100)
    if size_of(t) != before:
        raise Failed(f'still {before} bytes of files', f'{size_of(t)}')
    t.set('k', 'x')
    t.set('k', 'v')
    if size_of(t) <= before:
        raise Failed('a record for each value that is another than the last',
                     'the files have not grown')
    t.set('e', '')
    t.get('e', '')
    t.get('k', 'v')
    same_value_synced(t)


def same_value_synced(t):
    """With --sync always the value must be on disk when it is acknowledged,
    whoever wrote it before and did not wait for that."""
    t.set('synced?', 'to be kept')
    _, calls = traced(t, 'set', 'synced?', 'to be kept',
                      options=('--sync', 'always'))
    holders = files_with(t.db, b'to be kept')
    if not any(call.name in SYNCS and call.path in holders for call in calls):
        raise Failed('with --sync always a sync of the file that holds the '
                     'value: it was written without one', 'none')


@exercise(2, 'The same question twice costs once')
def asked_again(t):
    """The store remembers the last key it was asked for, and its value, as
    long as nothing has been written. When must it forget?"""
    t.batch(*[('set', f'key{i:05}', 'v' * 90) for i in range(5000)])
    calls, size = of_gets(t, ['key00000'])
    if calls:
        raise Failed('a second get of the same key to read nothing',
                     f'{calls} reads of {size} bytes')
    got = t.batch(('get', 'key00000'), ('set', 'key00000', 'new'),
                  ('get', 'key00000'), ('get', 'key00001'), ('get', 'x'),
                  ('set', 'x', 'y'), ('get', 'x'))
    v = 'v' * 90
    got.prints(f'key00000\t{v}\nkey00000\tnew\nkey00001\t{v}\nx\nx\ty\n')


@exercise(3, 'The slots never fill up')
def more_slots(t):
    """When all slots are taken, take twice as many, and enter every key
    anew."""
    few = ('--slots', '8')
    t.batch(*[('set', f'key{i}', f'{i}') for i in range(100)], options=few)
    got = t.batch(*[('get', f'key{i}') for i in range(100)], options=few)
    got.prints(''.join(f'key{i}\t{i}\n' for i in range(100)))
    t.run('get', 'absent', options=few).exits(1)


@exercise(4, 'Small values are read from memory')
def small_values(t):
    """A keydir entry takes some 75 bytes already. Let it hold a value of up
    to 16 bytes, too, and a get of it reads nothing."""
    t.batch(('set', 'small', 'x' * 16), ('set', 'large', 'y' * 17),
            ('set', 'empty', ''), ('set', 'was large', 'z' * 100),
            ('set', 'was large', 'small'))
    calls, size = of_gets(t, ['small', 'empty', 'was large'])
    if calls:
        raise Failed('gets of three small values to read nothing',
                     f'{calls} reads of {size} bytes')
    calls, _ = of_gets(t, ['large'])
    if calls != 1:
        raise Failed('a get of 17 bytes still to be one read', f'{calls}')
    t.expect_pairs({'small': 'x' * 16, 'large': 'y' * 17, 'empty': '',
                    'was large': 'small'})


@exercise(5, 'A key stands in one keydir')
def one_keydir(t):
    """Of the segments that hold a key only the newest can say something that
    matters. Let only that one say it."""
    options = ('--segment-bytes', '100')
    key = 'k' * 10000
    t.batch(*[('set', key, f'{i}') for i in range(50)], options=options)
    t.batch(('set', 'other', 'x'), options=options)
    stats, got = stats_of(t)
    if stats['index_bytes'] > 50000:
        got.fail(f'index_bytes of about one key of 10,000 bytes, not of '
                 f'{stats["files"]}')
    if stats['keys'] != 2 or stats['dead_bytes'] == 0:
        got.fail('2 keys, and dead_bytes still')
    t.expect_pairs({key: '49', 'other': 'x'})


@exercise(6, 'compact copies only what it must')
def only_what_it_must(t):
    """A segment in which nothing is dead is as good as its copy. Let compact
    leave it where it is. (What may never happen to a tombstone?)"""
    options = ('--segment-bytes', '5000')
    t.batch(*[('set', f'key{i:03}', 'v' * 85) for i in range(400)],
            options=options)
    t.batch(*[('set', f'key{i:03}', 'w' * 85) for i in range(40)],
            options=options)
    before = contents(t.db)
    t.run('compact', options=options).exits(0)
    after = contents(t.db)
    kept = sum(len(data) for name, data in before.items()
               if data and after.get(name) == data)
    if kept < sum(map(len, before.values())) // 2:
        raise Failed('the segments without a dead record to stay as they are',
                     f'only {kept} bytes did, of '
                     f'{sum(map(len, before.values()))}')
    if sum(map(len, after.values())) > 1.06 * 400 * 105:
        raise Failed('the dead records to be gone', 'they are still there')
    t.expect_pairs({f'key{i:03}': ('w' if i < 40 else 'v') * 85
                    for i in range(400)})


@exercise(7, 'A set that changes nothing writes nothing, but when it renews')
def same_value_or_renewed(t):
    """The keydir knows how long the record is: only a value of the same
    length has to be read and compared. But where values expire, a set renews
    the time of the record, and that is something new."""
    t.batch(('set', 'k', 'v'), ('set', 'l', 'w'))
    before = data_size(t)
    t.batch(*[('set', 'k', 'v')] * 50)
    if data_size(t) != before:
        raise Failed(f'still {before} bytes of data files', f'{data_size(t)}')
    t.batch(('set', 'k', 'x'), ('del', 'l'), ('set', 'l', 'w'))
    t.expect_pairs({'k': 'x', 'l': 'w'})
    before = data_size(t)
    t.set('k', 'x', options=('--expiry-seconds', '1000'))
    if data_size(t) <= before:
        raise Failed('a new record with --expiry-seconds: the value is to live '
                     'on from now', 'the data files have not grown')
    same_value_synced(t)


def data_size(t):
    return sum(len(data) for name, data in contents(t.db).items()
               if name.endswith('.data'))


@exercise(8, "A key outside of a table's range costs no block")
def outside(t):
    """The index has the first key of each block, so of a key that is less than
    all nothing is read. Keep each table's last key, too, and it is the same
    for a key that is greater. (What does an open cost now?)"""
    pairs = {}
    for first in 'cma':  # three tables, of ranges that do not overlap
        new = {f'{first}{i:03}': noise(200, f'{first}{i}') for i in range(300)}
        t.batch(*[('set', *pair) for pair in new.items()])
        pairs |= new
    outside_of(t, pairs, ['zebra', 'm2990', 'c3', 'a299 ', 'b', '0'])
    _, calls = traced(t, 'get', 'zebra')
    count, size = reads(calls)
    if size > size_of(t) // 10:
        raise Failed(f'the open to read a small part of {size_of(t)} bytes',
                     f'{size} bytes in {count} reads')
    calls, _ = of_gets(t, ['m299'])
    if calls != 1:
        raise Failed('a get of the last key of a table still to be one read',
                     f'{calls}')
    t.run('compact').exits(0)
    outside_of(t, pairs, ['zebra', '0'])
    t.run('verify').exits(0)
    # Tombstones are entries, too: behind the last value there may be one.
    t.batch(('set', 'x', 'y'), ('del', 'm299'), ('set', 'long' * 2000, 'z'))
    t.batch(('del', 'x'))
    del pairs['m299']
    outside_of(t, pairs | {'long' * 2000: 'z'}, ['zebra'])
    t.get('x', None)


def outside_of(t, pairs, keys):
    """All pairs are there, and gets of these keys read nothing."""
    t.expect_pairs(pairs)
    t.batch(*[('get', key) for key in pairs]).prints(
        script([*pairs.items()]))
    t.batch(*[('get', key) for key in keys]).prints(
        script([(key,) for key in keys]))
    calls, size = of_gets(t, keys)
    if calls:
        raise Failed('gets of keys that are in no table\'s range to read '
                     f'nothing: {", ".join(map(repr, keys))}',
                     f'{calls} reads of {size} bytes')


@exercise(9, 'A deletion of what no filter knows writes nothing')
def deletes_nothing(t):
    """The tombstone of a key that is not there hides nothing, and yet it is
    written, and carried from table to table. Memtables and filters know
    better, without a read. (Which of them has to be asked first, and why is a
    tombstone in a memtable no reason to write none?)"""
    pairs = {f'key{i:04}': noise(100, i) for i in range(1000)}
    t.batch(*[('set', *pair) for pair in pairs.items()], ('compact',))
    before = size_of(t)
    gone = [('del', f'key{i:04} not there') for i in range(0, 900, 3)]
    _, one = traced(t, 'batch', stdin=script(gone[:1]))
    _, calls = traced(t, 'batch', stdin=script(gone))
    if size_of(t) > before + 3000:
        raise Failed('300 deletions of keys that are not there to write next to '
                     'nothing', f'{size_of(t) - before} bytes')
    count, size = (b - a for a, b in zip(reads(one), reads(calls)))
    if count > 30:
        raise Failed('and to read next to nothing',
                     f'{size} bytes in {count} reads')
    deletes_what_is_there(t, pairs)


def deletes_what_is_there(t, pairs):
    """In a table, in the log, in both; and it stays deleted."""
    tiny = ('--segment-bytes', '1')
    t.batch(('set', 'new', 'x'), ('del', 'new'), ('get', 'new'),
            ('set', 'newer', 'y')).prints('new\n')
    t.run('del', 'newer').exits(0)
    t.run('del', '').refuses()
    running = t.start('batch', '--ack')
    for line in (('del', 'key0500'), ('set', 'key0001', 'back'),
                 ('del', 'key0001'), ('set', 'key0002', 'z'), ('del', 'key0003'),
                 ('set', 'key0003', 'back')):
        running.acknowledged(*line)
    running.kill()
    del pairs['key0500'], pairs['key0001']
    pairs |= {'key0002': 'z', 'key0003': 'back'}
    t.expect_pairs(pairs)
    for key in ('key0002', 'key0004', 'new'):
        t.run('del', key, options=tiny).exits(0)
        pairs.pop(key, None)
        t.expect_pairs(pairs)
    t.run('compact').exits(0)
    t.expect_pairs(pairs)
