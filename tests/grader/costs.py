"""Lessons on what an operation costs, as strace counts it."""

import re

from lesson import (appends, has_both, in_memory, is_bitcask, lesson, logs,
                    sorts)
from program import Failed, Unseen, noise
from tracing import OPENS, SYNCS, WRITES, reads, traced

COSTS = 'contract.md#what-each-stage-must-cost'
KEPT = re.compile(r'k(\d)')  # a key of the writes that are to be kept


def of_gets(t, keys):
    """What the gets of `keys` read, without what the open does: a batch that
    asks twice is set beside one that asks once.
    @returns calls and bytes"""
    once = script_of(keys)
    _, one = traced(t, 'batch', stdin=once)
    _, two = traced(t, 'batch', stdin=once + once)
    return tuple(b - a for a, b in zip(reads(one), reads(two)))


def of_new_gets(t, keys):
    """What the gets of all keys but the first read. None is asked for twice, so
    that no cache has it.
    @returns calls and bytes"""
    _, one = traced(t, 'batch', stdin=script_of(keys[:1]))
    _, all_of_them = traced(t, 'batch', stdin=script_of(keys))
    return tuple(b - a for a, b in zip(reads(one), reads(all_of_them)))


def written_in(calls):
    """(calls, bytes) that were written to the store's files."""
    found = [c for c in calls if c.name in WRITES and c.path != 'output']
    return len(found), sum(c.bytes for c in found)


def script_of(keys):
    return ''.join(f'get\t{key}\n' for key in keys).encode()


def fill(t, count, size=100):
    t.batch(*[('set', f'key{i:06}', f'{i:0{size}}') for i in range(count)])


@lesson('A set is one write of one record', COSTS, where=logs)
def set_is_cheap(t):
    """A log is there so that writing is one append, however much has been
    written before. (What the open costs is another matter, so 201 writes are
    set beside one.)"""
    fill(t, 3000)
    line = b'set\tkey%04d\tsome value\n'
    _, few = traced(t, 'batch', stdin=line % 1)
    many = b''.join(line % i for i in range(201))
    _, calls = traced(t, 'batch', stdin=many)
    count, size = (b - a for a, b in zip(reads(few), reads(calls)))
    if size > 200 * 300:
        raise Failed('200 more writes to read next to nothing more',
                     f'{count} reads of {size} bytes more')
    writes, written = (b - a for a, b in zip(written_in(few), written_in(calls)))
    besides = 2 if t.stage < 4 else 14 if appends(t.stage) else 30
    record = 7 + 10 + besides
    hints = 200 * (18 + 7) if t.stage == 7 else 0  # written when it closes
    if writes > 200 or written > 200 * record + hints:
        raise Failed(f'200 more sets to be 200 more writes of {200 * record} '
                     'bytes' + (f', and {hints} of hints' if hints else ''),
                     f'{writes} writes of {written} bytes more')


@lesson('--sync always syncs before it acknowledges', 'contract.md#sync')
def sync_always(t):
    """What the operating system holds is gone with the power. So each write
    is on disk, and the name of a new file, too, before anybody is told."""
    options = ('--sync', 'always')
    if t.stage > 4:
        options += ('--segment-bytes', '60')
    # More tables would be worth merging, which nobody has to wait for.
    count = 3 if sorts(t.stage) else 9
    _, calls = traced(t, 'batch', '--ack', options=options, root=t.home,
                      stdin=b''.join(
                          b'set\tk%d\tto be kept\n' % i for i in range(count)))
    store = str(t.db.resolve())
    dirty, acknowledged, written = {str(t.home)}, 0, 0  # it makes the store there
    created, named, dirtied = set(), set(), set()
    by_itself = set()  # files that are synced by each write
    for call in calls:
        if call.path == 'output' and call.name in WRITES:
            if dirty:
                raise Failed(
                    'before "ok" an fsync of each file that was written, and '
                    'of each directory in which something was made',
                    'not synced: ' + ', '.join(sorted(
                        path.rsplit('/', 1)[-1] or path for path in dirty)))
            acknowledged += 1
        elif call.name in OPENS:
            if 'O_SYNC' in call.text or 'O_DSYNC' in call.text:
                by_itself.add(call.path)
            if 'O_CREAT' in call.text and call.path.startswith(store + '/'):
                created.add(call.path)
        elif call.name in WRITES and 'to be kept' in call.text:
            written += 1
            if has_both(t.stage) and all(
                    int(number) < acknowledged
                    for number in KEPT.findall(
                        call.text.replace(call.path, ''))):
                continue  # into a table: the log has kept it since
            dirtied.add(call.path)
            if call.path in created and call.path not in named:
                dirty.add(store)
            if call.path not in by_itself and 'RWF_DSYNC' not in call.text \
                    and 'RWF_SYNC' not in call.text:
                dirty.add(call.path)
        elif call.name in SYNCS:
            dirty.discard(call.path)
            if call.path == store:
                named |= created
        elif 'rename' in call.name and (
                call.path in dirtied or not has_both(t.stage)):
            named_too_early(t, call, dirty)
            dirty.add(store)
    if not written:
        raise Unseen('no write holds a value as it was given')
    if not acknowledged:
        raise Failed('"ok" on standard output', 'no write to it was seen')


def named_too_early(t, call, dirty):
    """What has a table's name is taken for one at the next open."""
    if call.path not in dirty:
        return
    if sorts(t.stage):
        raise Failed('an fsync of a table before it gets its name',
                     f'not synced: {call.path.rsplit("/", 1)[-1]}')
    dirty.discard(call.path)
    dirty.add(call.to)


@lesson('The newest key is found near the end', COSTS, since=2, until=2)
def newest_is_near(t):
    """Who reads backwards meets the newest record first, and stops."""
    fill(t, 20000)
    total = sum(path.stat().st_size for path in t.db.iterdir())
    calls, size = of_gets(t, ['key019999'])
    if size > total // 8:
        raise Failed(f'one get of the newest key to read a small part of '
                     f'{total} bytes', f'{size} bytes in {calls} reads')


@lesson('A get reads no more when the log is longer', COSTS, since=3,
        where=appends)
def gets_do_not_grow(t):
    """An index tells where the record is. What is read is the record and
    perhaps what stands near it, wherever it is."""
    fill(t, 5000)
    keys = [f'key{i:06}' for i in range(0, 5000, 250)]
    calls, size = of_gets(t, keys)
    if size > len(keys) * 10000:
        raise Failed(f'{len(keys)} gets to read some {len(keys) * 5000} bytes '
                     'at most', f'{size} bytes in {calls} reads')
    calls, size = of_gets(t, [f'no{i}' for i in range(20)])
    if size > 20 * 5000:
        raise Failed('20 gets of absent keys to read next to nothing',
                     f'{size} bytes in {calls} reads')


@lesson('A get is one read of exactly the record', COSTS, since=4,
        where=appends)
def exactly_the_record(t):
    """The keydir knows where the record begins and how long it is, so no byte
    is read in vain; and it holds every key, so a miss reads nothing."""
    fill(t, 300)
    keys = [f'key{i:06}' for i in range(0, 300, 10)]
    calls, size = of_gets(t, keys)
    wanted = len(keys) * (14 + 9 + 100)
    if (calls, size) != (len(keys), wanted):
        raise Failed(f'{len(keys)} gets: {len(keys)} reads of {wanted} bytes, '
                     'which are 14 and the key and the value for each',
                     f'{calls} reads of {size} bytes')
    calls, size = of_gets(t, ['absent', 'absent, too'])
    if calls:
        raise Failed('a miss to read nothing', f'{calls} reads of {size} bytes')


@lesson('An open reads hints and no values', COSTS, where=is_bitcask)
def hints_are_enough(t):
    """Start-up is where an index in memory is paid for. A hint holds all that
    the keydir needs, and is shorter than the record by the value."""
    fill(t, 200, size=5000)
    _, calls = traced(t, 'get', 'key000100')
    count, size = reads(calls)
    if size > 5023 + 200 * 60:
        raise Failed('no more than one record of 5,023 bytes and a hint of 27 '
                     'for each of 200 keys', f'{size} bytes in {count} reads')


def fill_a_table(t, count=2000):
    """@returns how long the files are with that many keys in them."""
    t.batch(*[('set', f'key{i:06}', noise(200, i)) for i in range(count)])
    if logs(t.stage):
        t.run('compact').exits(0)
    return sum(path.stat().st_size for path in t.db.iterdir())


@lesson('A get reads a block and not the table', COSTS, where=sorts)
def one_block(t):
    """The sparse index knows in which block a key must be. That is read, and
    nothing else."""
    total = fill_a_table(t)
    keys = [f'key{i:06}' for i in range(0, 2000, 100)]
    for asked in (keys, [f'{key} and more' for key in keys]):
        calls, size = of_new_gets(t, asked)
        if size > len(asked) * 10000 or calls > 2 * len(asked):
            raise Failed(f'{len(asked)} gets to read a block of some KiB each, '
                         f'of {total} bytes', f'{size} bytes in {calls} reads')


@lesson('An open reads an index and no values', COSTS, where=sorts)
def sparse_index_is_enough(t):
    """One key of each block is all that has to be in memory. So start-up reads
    a hundredth of the store, and no scan is needed."""
    total = fill_a_table(t)
    _, calls = traced(t, 'get', 'key001000')
    count, size = reads(calls)
    if size > total // 10:
        raise Failed(f'an open and a get to read a small part of {total} bytes',
                     f'{size} bytes in {count} reads')


@lesson('A scan of a range reads about its share', COSTS, where=sorts)
def share_of_a_range(t):
    """This is what sorting is for: what belongs together lies together."""
    total = fill_a_table(t)
    for bounds in (('key001000', 'key001100'), ('key000000', 'key000100')):
        got, calls = traced(t, 'scan', *bounds)
        if len(got.records()) != 100:
            got.fail('100 pairs')
        count, size = reads(calls)
        if size > total // 5:
            raise Failed(f'a twentieth of the keys to cost about a twentieth of '
                         f'{total} bytes', f'{size} bytes in {count} reads')


@lesson('A set writes nothing before the memtable is full', COSTS,
        where=in_memory)
def set_is_in_memory(t):
    """Sets are collected and sorted, and then written in one go. (201 of them
    are set beside one.)"""
    fill(t, 3000)
    line = b'set\tkey%04d\tsome value\n'
    _, few = traced(t, 'batch', stdin=line % 1)
    _, calls = traced(t, 'batch', stdin=b''.join(line % i for i in range(201)))
    writes, written = (b - a for a, b in zip(written_in(few), written_in(calls)))
    count, size = (b - a for a, b in zip(reads(few), reads(calls)))
    if writes > 5 or written > 200 * 60:
        raise Failed('200 more sets to be a few writes more, of 12,000 bytes '
                     'at most', f'{writes} writes of {written} bytes more')
    if size > 200 * 20:
        raise Failed('200 more sets to read next to nothing more',
                     f'{count} reads of {size} bytes more')
