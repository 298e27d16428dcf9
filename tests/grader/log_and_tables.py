"""Lessons on a log that stands before sorted tables: what is acknowledged is in
one of them at each moment, and a miss costs next to nothing."""

import random
import shutil
import subprocess
import sys

from basics import stats_of
from costs import COSTS, fill_a_table, of_new_gets
from crashes import CRASH, TOGETHER, kill_after
from lesson import has_both, lesson
from merging import MERGE, SMALL
from program import Failed, contents, noise, script
from tables import COMMANDS, TINY, a_history, after, answers, in_tables
from tracing import killed_at

PEAK = '''\
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
'''


def expect_history(lines, acked, found):
    """`found` is what the first n lines leave, for an n of at least `acked`."""
    found = {key.decode(): value.decode() for key, value in found}
    model = {}
    after(model, lines[:acked])
    for line in lines[acked:]:
        if found == model:
            return
        after(model, [line])
    if found != model:
        wrong = sorted(key for key in {*found, *model}
                       if found.get(key) != model.get(key))
        raise Failed(
            f'what the first {acked} lines have left, or those and some that '
            'came directly behind them', 'something else; it differs from what '
            f'all of them would leave in {", ".join(wrong[:8])}')


def expect_all(t, model, keys):
    """scan tells the model, and so do gets of these keys."""
    t.expect_pairs(model)
    t.batch(*[('get', key) for key in keys]).prints(answers(model, keys))


def size_of(t):
    return sum(map(len, contents(t.db).values()))


@lesson('kill -9 while memtables are written out', CRASH, where=has_both)
def killed_writing_out(t):
    """A log may go when its memtable is in a table that is whole and is known
    to be part of the store. A moment too early, and a kill takes both."""
    for turn in range(5):
        t.db = t.home / f'store{turn}'
        lines = list(a_history(turn, 8000, 60, 2000))
        path = t.home / 'lines'
        path.write_bytes(script(lines))
        acked = kill_after(t, t.db, path, 20 + 400 * turn,
                           options=('--segment-bytes', '100000'))
        found = t.scan()
        expect_history(lines, acked, found)
        t.run('verify').exits(0)
        model = {key.decode(): value.decode() for key, value in found}
        t.batch(*after(model, a_history(turn + 100, 40, 60)), options=SMALL)
        t.run('compact').exits(0)
        t.expect_pairs(model)


@lesson('kill -9 at each call that writes a memtable out', CRASH,
        where=has_both)
def killed_at_each_call(t):
    """Log, table, the list of tables, and the log that goes: between any two
    of these calls the process can end. What was acknowledged is there, and
    what has been left lying about does not stay for ever."""
    lines = list(a_history(7, 16, 8))
    path = t.home / 'lines'
    path.write_bytes(script(lines))
    for number in range(1, 60):
        t.db = t.home / f'killed{number}'
        t.batch(('set', 'key0000', 'from before'), ('compact',))
        before = [('set', 'key0000', 'from before')]
        killed = killed_at(t, number, 'batch', '--ack', str(path),
                           options=('--segment-bytes', '1'))
        if not killed:
            break
        found = t.scan()
        expect_history(before + lines, 1 + killed.out.count(b'ok '), found)
        t.run('verify').exits(0)
        model = {key.decode(): value.decode() for key, value in found}
        t.set('key0001', 'from behind')
        t.run('compact').exits(0)
        t.expect_pairs(model | {'key0001': 'from behind'})
        if len(contents(t.db)) > 8:
            raise Failed('a few files, since one table is left and a log',
                         f'{len(contents(t.db))} files')
        shutil.rmtree(t.db)


@lesson('kill -9 again, while it recovers', CRASH, where=has_both)
def killed_in_recovery(t):
    """Whoever cleans up after a crash can crash, and again. Each step of it
    must be one that can be done twice."""
    lines = list(a_history(8, 8000, 60))
    path = t.home / 'lines'
    path.write_bytes(script(lines))
    acked = kill_after(t, t.db, path, 300, options=SMALL)
    found = dict(t.scan())
    expect_history(lines, acked, found.items())
    tried = {None}
    for number in range(1, 25):
        tried.add(f'{number}'.encode())
        killed_at(t, number, 'set', 'after', f'{number}',
                  options=('--segment-bytes', '1'))
        now = dict(t.scan())
        if now.pop(b'after', None) not in tried or now != found:
            raise Failed('all that was there before it was killed again',
                         'something else')
    t.run('verify').exits(0)


@lesson('A deleted key stays gone through kills, memtables and merges', MERGE,
        where=has_both)
def gone_for_good(t):
    """The tombstone is in the log, then in a table of its own, then in merged
    ones; the value it hides is deeper. On no way may it be overtaken."""
    keys = [f'key{i * 7:04}' for i in range(80)]
    model = {key: noise(120, key) for key in keys}
    in_tables(t, *[('set', *pair) for pair in model.items()])
    for turn in range(5):
        running = t.start('batch', '--ack', options=SMALL if turn % 2 else ())
        for line in after(model, a_history(turn, 60, 80)):
            running.acknowledged(*line)
        running.kill()
        expect_all(t, model, keys)
        if turn == 2:
            t.run('compact').exits(0)
        gone = after(model, [('del', key) for key in keys[turn::9]])
        t.batch(*gone, options=SMALL)
        expect_all(t, model, keys)
    t.run('compact').exits(0)
    expect_all(t, model, keys)


def listed(t, *options):
    """@returns those of the options, each with its value, that the help lists:
    nobody has to have them"""
    text = t.run('help').exits(0).out.decode(errors='replace')
    return tuple(word for option in options if option[0] in text
                 for word in option)


@lesson('A deleted key stays gone on each level', MERGE, where=has_both)
def gone_on_each_level(t):
    """A tree of many small levels, and one that is built now this way and now
    that: tombstones and new values come down step by step, and never pass the
    old ones without taking them along."""
    small = listed(t, ('--level-bytes', '3000'), ('--table-bytes', '1000'))
    tiered = small + listed(t, ('--compaction', 'tiered'))
    keys = [f'key{i * 7:04}' for i in range(200)]
    model = {key: noise(150, key) for key in keys}
    t.batch(*[('set', *pair) for pair in model.items()], ('compact',),
            options=small)
    for turn in range(6):
        t.batch(*after(model, a_history(turn, 220, 200)),
                options=(*TINY, *(tiered if turn % 2 else small)))
        expect_all(t, model, keys)


@lesson('Ranges over tables and the log', COMMANDS, where=has_both)
def ranges_over_both(t):
    """The newest entries of a range are in the log, older ones in tables, and
    they are told as one, each key once."""
    model = {}
    for turn in range(3):
        in_tables(t, *after(model, a_history(turn, 300, 200, 200)))
    t.batch(*after(model, a_history(9, 100, 200)))
    keys = sorted(model)
    t.expect_pairs(model)
    draw = random.Random(5)
    for _ in range(15):
        begin, end = sorted(draw.sample(keys, 2))
        t.expect_pairs({k: v for k, v in model.items() if begin <= k < end},
                       begin, end)


@lesson('The log does not grow for ever', MERGE, where=has_both)
def logs_go(t):
    """What is in a table need not be in a log. A log that nobody takes away
    fills the disk, and is replayed at each open."""
    pairs = [(f'key{i % 20}', noise(500, i)) for i in range(1500)]
    t.batch(*[('set', *pair) for pair in pairs],
            options=('--segment-bytes', '100000'))
    t.set('last', 'one', options=('--segment-bytes', '100000'))
    if size_of(t) > 1500 * 500 // 2:
        raise Failed('much less than the 750,000 bytes that were written over '
                     'and over', f'{size_of(t)} bytes')
    t.expect_pairs(dict(pairs) | {'last': 'one'})


@lesson('compact takes in what is in the log', MERGE, where=has_both)
def compact_takes_all(t):
    """It merges all that was written before it, wherever that is. Behind it
    nothing is dead."""
    model = {}
    in_tables(t, *after(model, a_history(1, 300, 60)))
    t.batch(*after(model, a_history(2, 300, 60)))
    t.run('compact').exits(0)
    stats, got = stats_of(t)
    if stats['dead_bytes'] or stats['keys'] != len(model):
        got.fail(f'no dead_bytes, and {len(model)} keys')
    t.expect_pairs(model)
    running = t.start('batch', '--ack')
    for line in after(model, a_history(3, 40, 60)):
        running.acknowledged(*line)
    running.say('compact')
    for line in after(model, a_history(4, 40, 60)):
        running.say(*line)
    running.say('get', 'no such key')
    running.finish()
    t.expect_pairs(model)


@lesson('Readers see no half of a merge', TOGETHER, where=has_both)
def readers_beside(t):
    """A writer fills memtables and merges as fast as it can. A get beside it
    knows each write that was acknowledged before it began, and a scan tells
    each key once."""
    count, rounds = 25, 2000
    # In tables from the beginning, among the others: merges write them anew.
    small = [*SMALL, *listed(t, ('--table-bytes', '1000'))]
    old = {f'key{i:02}+': f'0 {i} ' + 'x' * 80 for i in range(count)}
    t.batch(*[('set', *pair) for pair in old.items()], ('compact',),
            options=small)
    path = t.home / 'lines'
    path.write_bytes(b''.join(
        script([('set', f'key{i:02}', f'{turn} ' + 'x' * 80)
                for i in range(count)]) for turn in range(rounds)))
    running = t.start('batch', '--ack', str(path), options=small)
    total = running.count_oks(4 * count)
    forgetful = listed(t, ('--open-tables', '1'), ('--cache-bytes', '0'))
    reader, opened = t.start('batch', options=forgetful), total // count - 1
    reader.say('get', 'key00')
    for look in range(15):
        total += running.count_oks(count)
        least = total // count - 1  # the last round that is whole
        got = t.run('get', f'key{look:02}').exits(0)
        found = {f'key{look:02}': got.out.decode()}
        if look % 3 == 0:
            found = told(t.scan(), count, old)
        no_older_than(least, found)
    # One that has read on all the time may know no more than at its open.
    for key in [*old, *[f'key{i:02}' for i in range(count)]]:
        reader.say('get', key)
    reader.process.stdin.close()
    lines = reader.process.stdout.read().splitlines()
    no_older_than(opened, told([line.split(b'\t') for line in lines[1:]],
                               count, old))
    running.kill()


def told(pairs, count, old):
    """@returns those of the pairs that are not old; they are of so many keys"""
    found = {key.decode(): value.decode() for key, value in pairs}
    if sorted(found) != sorted([*old, *[f'key{i:02}' for i in range(count)]]):
        raise Failed(f'{len(old) + count} keys, each with a value',
                     f'{len(found)}')
    for key, value in old.items():
        if found.pop(key) != value:
            raise Failed(f'the value of {key} that was set', 'another one')
    return found


def no_older_than(least, found):
    old = [k for k, v in found.items() if int(v.split()[0]) < least]
    if old:
        raise Failed(f'values of round {least} or later, which had been '
                     'acknowledged', f'an older one of {old[0]}')


def peak(t, *words, stdin=b''):
    """@returns the most memory that a command holds, in bytes"""
    t.note(words)
    got = t.launch([sys.executable, '-c', PEAK, *t.arguments(words)], stdin,
                   stdout=subprocess.DEVNULL)
    if got.status != 0:
        got.fail('exit code 0')
    return int(got.err.split()[-1]) * 1024


@lesson('Memory does not grow with the store', COSTS, where=has_both)
def constant_memory(t):
    """What has to be in memory is a memtable or two, and of each table an
    index and a filter. Who merges or scans a store larger than the memory of
    the machine would else end with it."""
    peaks = []
    for count in (4000, 16000):  # of 3,000 bytes each
        t.db = t.home / f'of{count}'
        draw = random.Random(count)
        keys = [f'key{i:06}' for i in range(count)]
        sets = script([('set', key, draw.randbytes(1500).hex()) for key in keys])
        gets = script([('get', key) for key in keys])
        peaks.append([peak(t, 'batch', stdin=sets), peak(t, 'scan'),
                      peak(t, 'batch', stdin=gets), peak(t, 'compact')])
    for words, few, many in zip(('a batch of sets', 'scan', 'a batch of gets',
                                 'compact'), *peaks):
        if many > few + 12_000_000:
            raise Failed(f'{words} over 48,000,000 bytes to hold about as much '
                         f'memory as over a fourth of them, {few} bytes',
                         f'{many} bytes')
    t.db = t.home / 'of4000'
    if len(t.keys()) != 4000:
        raise Failed('4000 keys', f'{len(t.keys())}')


@lesson('Many tables do not want many descriptors', COSTS, where=has_both)
def few_descriptors(t):
    """A process may have some thousand files open, and often fewer. A large
    store has more tables than that."""
    options = listed(t, ('--table-bytes', '2000'))
    pairs = {f'key{i:04}': noise(1500, i) for i in range(400)}
    t.batch(*[('set', *pair) for pair in pairs.items()], ('compact',),
            options=options)
    for words, stdin in ((('scan',), b''),
                         (('batch',), script([('get', key) for key in pairs])),
                         (('batch',), script([('set', 'a', 'b'), ('compact',)])),
                         (('verify',), b'')):
        t.note(words, options, stdin)
        t.done[-1] = 'ulimit -n 100; ' + t.done[-1]
        got = t.launch(['sh', '-c', 'ulimit -n 100; exec "$@"', 'sh',
                        *t.arguments(words, options)], stdin).exits(0)
        if words == ('scan',) or stdin.startswith(b'get'):
            got.prints(script(pairs.items()))
    t.expect_pairs(pairs | {'a': 'b'})


@lesson('A miss reads hardly anything', COSTS, where=has_both)
def misses(t):
    """A filter of some bits for each key says of most keys that are not there
    that they are not, without a read. It may be wrong now and then, but in one
    direction only: a key that is there is never denied."""
    fill_a_table(t)
    in_tables(t, *[('set', f'key{i:06}', noise(200, f'new {i}'))
                   for i in range(0, 2000, 5)])
    keys = [f'key{i:06}{end}' for i in range(0, 2000, 10) for end in '+-']
    t.batch(*[('get', key) for key in keys]).prints(
        script([(key,) for key in keys]))
    calls, size = of_new_gets(t, keys)
    if calls > len(keys) // 4:
        raise Failed(f'{len(keys)} gets of keys that are not there to read '
                     'next to nothing', f'{size} bytes in {calls} reads')
    there = [f'key{i:06}' for i in range(2000)]
    got = t.batch(*[('get', key) for key in there])
    if len(got.out.split(b'\t')) != 2001:
        got.fail('a value for each of 2,000 keys')
