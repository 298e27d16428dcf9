"""Lessons on sorted tables: a memtable that is written out, and tables that
are asked, scanned and merged together."""

import random

from crashes import CRASH, expect_a_prefix, kill_after
from lesson import has_both, in_memory, lesson, logs, sorts
from merging import MERGE
from program import Failed, contents, noise, script
from tracing import killed_at

COMMANDS = 'contract.md#commands'
TINY = ('--segment-bytes', '500')


def a_history(seed, count, keys, most=60):
    """So many lines that set and, now and then, delete one of `keys` keys."""
    draw = random.Random(seed)
    for number in range(count):
        key = f'key{draw.randrange(keys) * 7:04}'
        if draw.random() < 0.25:
            yield ('del', key)
        else:
            yield ('set', key, f'{seed}.{number} ' +
                   noise(draw.randrange(most), number))


def after(model, lines):
    """Carries the lines out in the model, too.
    @returns the lines"""
    lines = list(lines)
    for line in lines:
        if line[0] == 'del':
            model.pop(line[1], None)
        else:
            model[line[1]] = line[2]
    return lines


def answers(model, keys):
    """What a batch prints that gets these keys."""
    return b''.join(script([(key, model[key]) if key in model else (key,)])
                    for key in keys)


def in_tables(t, *lines):
    """Writes the lines, and has them written out. Where a log keeps them that
    is for whoever finds the memtable full: so the last line comes twice more,
    where each write fills one."""
    t.batch(*lines)
    if logs(t.stage):
        t.batch(*lines[-1:] * 2, options=('--segment-bytes', '1'))


@lesson('keys are in ascending order', COMMANDS, where=sorts)
def keys_ascend(t):
    """Each table is sorted, but only all of them side by side are the store:
    the smallest key of any of them comes first, and once."""
    words = ['b', 'a', 'aa', 'B', 'é', 'z', 'ab', '10', '9', '-x', 'zz', 'c']
    for part in (words[:5], words[3:8], words[7:]):
        in_tables(t, *[('set', key, f'of {key}') for key in part])
    t.run('del', 'aa').exits(0)
    words.remove('aa')
    wanted = sorted(word.encode() for word in words)
    keys = t.keys()
    if keys != wanted:
        raise Failed('ascending by bytes: ' + b' '.join(wanted).decode(),
                     b' '.join(keys).decode())


@lesson('A batch sees what it has just written', COMMANDS, where=sorts)
def sees_itself(t):
    """A write is in the memtable, then in one that is full and waits to be
    written out, then in a table. At no moment may it be in none of them, and
    never may an older one be asked first."""
    model = {}
    wanted = b''
    lines = []
    for line in a_history(1, 300 if has_both(t.stage) else 1500, 30):
        asked = [line[1], f'key{len(lines) % 30 * 7:04}']
        lines += [*after(model, [line]), *[('get', key) for key in asked]]
        wanted += answers(model, asked)
    t.batch(*lines, options=TINY).prints(wanted)
    t.expect_pairs(model)


@lesson('Ranges over many tables', COMMANDS, where=sorts)
def ranges(t):
    """A range begins in the midst of a block of each table, and ends in
    another: behind FROM's block, at its first key, or where nothing is."""
    model = {}
    for turn in range(3):
        in_tables(t, *after(model, a_history(turn, 400, 300, 120)))
    keys = sorted(model)
    t.expect_pairs(model)
    draw = random.Random(3)
    for _ in range(12):
        begin, end = sorted(draw.sample(range(2200), 2))
        bounds = f'key{begin:04}', f'key{min(end, begin + 200):04}'
        t.expect_pairs({k: v for k, v in model.items()
                        if bounds[0] <= k < bounds[1]}, *bounds)
    for begin in range(0, len(keys) - 3, 23):
        bounds = keys[begin], keys[begin + 3]
        t.expect_pairs({k: model[k] for k in keys[begin:begin + 3]}, *bounds)
    t.expect_pairs({keys[-1]: model[keys[-1]]}, keys[-1])
    t.expect_pairs({}, keys[-1] + '0')


@lesson('Each key is found in its block', COMMANDS, where=sorts)
def each_key(t):
    """A sparse index has the first key of each block. The key that is sought
    may be that one, the last one, or none."""
    model = {f'key{i:04}': noise(i % 90, i) for i in range(0, 1200, 2)}
    in_tables(t, *[('set', *pair) for pair in model.items()])
    asked = [f'key{i:04}' for i in range(1200)] + ['a', 'key', 'l']
    t.batch(*[('get', key) for key in asked]).prints(answers(model, asked))


@lesson('What is deleted stays so in tables above an old one', MERGE,
        where=sorts)
def above_an_old_one(t):
    """New tables are merged with each other long before it is worth while to
    merge the oldest, large one with them. What they say of its keys, also that
    they are gone, must last until then."""
    model = {f'key{i * 7:04}': noise(150, i) for i in range(300)}
    in_tables(t, *[('set', *pair) for pair in model.items()])
    for turn in range(4):
        t.batch(*after(model, a_history(turn, 250, 290, 30)), options=TINY)
        t.expect_pairs(model)
        asked = [f'key{i * 7:04}' for i in range(300)]
        t.batch(*[('get', key) for key in asked]).prints(answers(model, asked))
    t.run('compact').exits(0)
    t.expect_pairs(model)


@lesson('compact leaves no tombstones', MERGE, where=sorts)
def no_tombstones(t):
    """Once nothing is left that they hide, they are dead weight. Whoever
    writes tombstones without a look gathers many."""
    long_keys = [f'{i} ' + noise(300, i) for i in range(150)]
    t.batch(*[('set', key, 'v') for key in long_keys])
    t.batch(*[('del', key) for key in long_keys], ('set', 'kept', 'w'))
    t.run('compact').exits(0)
    size = sum(map(len, contents(t.db).values()))
    if size > 10000:
        raise Failed('files of a few hundred bytes, since one key is left',
                     f'{size} bytes')
    t.expect_pairs({'kept': 'w'})
    t.set('kept', 'x')  # its table is newer than all that was merged
    t.expect_pairs({'kept': 'x'})
    t.run('del', 'kept').exits(0)
    t.run('compact').exits(0)
    t.expect_pairs({})


@lesson('With --sync always each write survives kill -9', CRASH,
        where=in_memory)
def survives_if_synced(t):
    """Without a log a memtable dies with the process. So whoever asks for
    safety gets a file for each write, which is there before "ok"."""
    model = {}
    for turn in range(2):
        running = t.start('batch', '--ack', options=('--sync', 'always'))
        for line in after(model, [('set', f'k{turn}', 'value'),
                                  ('set', 'both', f'{turn}'),
                                  ('set', 'gone', 'x'), ('del', 'gone')]):
            running.acknowledged(*line)
        running.kill()
        t.expect_pairs(model)


@lesson('A full memtable is written out', CRASH, where=in_memory)
def full_ones(t):
    """What a kill -9 takes is bounded: the memtable that is being filled, and
    the one before it, if that is still being written."""
    pairs = [(f'{i % 70}', f'{i} ' + noise(100, i)) for i in range(300)]
    running = t.start('batch', '--ack', options=('--segment-bytes', '2000'))
    for pair in pairs:
        running.acknowledged('set', *pair)
    running.kill()
    # A memtable takes twenty of these at most.
    expect_a_prefix(pairs, len(pairs) - 60, dict(t.scan()))


@lesson('compact writes the memtable out', CRASH, where=in_memory)
def compact_writes_out(t):
    """It is to merge all that was written before it, also where that is still
    in memory. What it leaves are files, which a kill -9 does not take."""
    running = t.start('batch', '--ack')
    running.acknowledged('set', 'k', 'v')
    running.say('compact')
    running.acknowledged('set', 'behind', 'it')
    t.get('k', 'v')
    running.acknowledged('set', 'k', 'w')
    running.acknowledged('del', 'behind')
    running.acknowledged('set', 'l', 'x')
    running.say('compact')
    running.acknowledged('set', 'behind', 'both')
    running.kill()
    t.expect_pairs({'k': 'w', 'l': 'x'})


@lesson('kill -9 between memtables', CRASH, where=in_memory)
def killed_between(t):
    """What had been written out is there, whole memtables of it, and nothing
    is wrong afterwards, whatever was being written or merged."""
    for turn in range(4):
        db = t.home / f'store{turn}'
        pairs = [(f'{i % 40}', f'{i} ' + 'x' * 100) for i in range(20000)]
        lines = t.home / 'lines'
        lines.write_bytes(script([('set', *pair) for pair in pairs]))
        acked = kill_after(t, db, lines, 10 + 500 * turn,
                           options=('--segment-bytes', '2000'))
        found = dict(t.scan(db=db))
        expect_a_prefix(pairs, max(0, acked - 60), found)
        t.run('verify', db=db).exits(0)
        t.set('after', 'the crash', db=db)
        found[b'after'] = b'the crash'
        t.expect_pairs(found, db=db)


@lesson('A table that is not finished is none', CRASH, where=sorts)
def not_finished(t):
    """A process is killed at each call by which it writes out memtables. Half
    a table would be damage, but nobody was told that it is there."""
    pairs = [(f'key{i:02}', noise(10000, i)) for i in range(90)]
    lines = t.home / 'lines'
    lines.write_bytes(script([('set', *pair) for pair in pairs]))
    for number in range(1, 40):
        t.db = t.home / f'killed{number}'
        t.set('key50', 'from before')
        pairs_before = [('key50', 'from before'), *pairs]
        if not killed_at(t, number, 'batch', str(lines),
                         options=('--segment-bytes', '450000')):
            break
        found = dict(t.scan())
        expect_a_prefix(pairs_before, 1, found)
        t.run('verify').exits(0)
        t.set('key50', 'from behind')
        t.run('compact').exits(0)
        t.expect_pairs(found | {b'key50': b'from behind'})
