"""Lessons on batch."""

from lesson import at_once, lesson
from program import Failed, contents

BATCH = 'contract.md#batch'


@lesson('batch runs its lines in order', BATCH)
def in_order(t):
    """A batch is a history: what a line reads is what the lines above it
    have written."""
    got = t.batch(('get', 'k'), ('set', 'k', '1'), ('get', 'k'),
                  ('set', 'k', '2'), ('set', 'l', ''), ('get', 'k'),
                  ('get', 'l'), ('get', 'm'))
    got.prints('k\nk\t1\nk\t2\nl\t\nm\n')


@lesson('batch counts what it did', BATCH)
def summary(t):
    """The last line on standard error is read by programs that measure."""
    got = t.batch(('set', 'a', '1'), ('set', 'b', '2'), ('get', 'a'))
    got.sums_up(3, '2 set, 0 del, 1 get, 0 skipped')


@lesson('batch undoes escapes', 'contract.md#escapes')
def escapes_in(t):
    """So any key and any value can be said on one line."""
    t.run('batch', stdin=b'set\\tk\\tplain\n').refuses('line 1')
    t.run('batch', stdin=b'set\tt\\tab\ta\\\\b\\tc\\x41\\x7a\n').exits(0)
    t.get('t\tab', 'a\\b\tcAz')
    t.run('batch', stdin=b'get\tt\\x09ab\n').exits(0).prints(
        't\\tab\ta\\\\b\\tcAz\n')


@lesson('A line that cannot be read stops the batch', BATCH)
def bad_line(t):
    """What stands above it has been done, nothing below it is; and whoever
    has a file of a million lines wants to know which one it was."""
    for bad in (b'put\tk\tv', b'set\tk', b'set', b'get', b'get\tk\tv',
                b'set\tk\tv\tw', b'', b'set\tk\tv\\', b'set\tk\t\\q',
                b'set\tk\t\\x4', b' set\tk\tv'):
        t.batch(('set', 'above', 'old'), ('set', 'below', 'old'))
        got = t.run('batch', stdin=b'set\tabove\tnew\n' + bad +
                    b'\nset\tbelow\tnew\n').refuses('line 2')
        pairs = dict(t.scan())
        if pairs != {b'above': b'new', b'below': b'old'}:
            got.fail('line 1 carried out and line 3 not')


@lesson('batch reads a file', BATCH)
def from_file(t):
    """The same lines from a file and from standard input do the same."""
    (t.home / 'lines').write_bytes(b'set\tk\tv\nget\tk\n')
    t.done.append("printf 'set\\tk\\tv\\nget\\tk\\n' > lines")
    t.run('batch', str(t.home / 'lines')).exits(0).prints('k\tv\n')
    got = t.run('batch', str(t.home / 'no such file'))
    if got.status not in (2, 4):
        got.fail('exit code 4, or 2: there is no such file')


@lesson('batch --skip-deletes', BATCH, until=5)
def skip_deletes(t):
    """One history can be replayed through every stage, also through those
    that cannot delete yet."""
    t.run('batch', stdin=b'set\tk\tv\ndel\tk\nset\tk\tw\n').refuses('line 2')
    t.get('k', 'v')
    got = t.batch(('set', 'k', '1'), ('del', 'k'), ('set', 'l', '2'),
                  flags=('--skip-deletes',))
    got.sums_up(3, '2 set, 0 del, 0 get, 1 skipped')
    t.expect_pairs({'k': '1', 'l': '2'})


@lesson('batch --ack acknowledges each write at once', BATCH)
def ack(t):
    """Who is told "ok" throws the data away elsewhere. The word has to come
    when the write is safe, not when the program ends, and with the number of
    the line."""
    running = t.start('batch', '--ack', options=at_once(t.stage))
    running.acknowledged('set', 'a', '1')
    running.acknowledged('set', 'b', '2')
    t.get('a', '1')
    t.get('b', '2')
    running.acknowledged('set', 'a', '3')
    t.get('a', '3')
    running.finish()
    got = t.batch(('set', 'c', '1'), ('get', 'c'), ('set', 'd', '2'),
                  flags=('--ack',))
    got.prints('ok 1\nc\t1\nok 3\n')


@lesson('A write is appended, not written over', 'contract.md#commands')
def appends(t):
    """Nothing is changed in place: then a crash in mid-write cannot harm
    what is there."""
    t.batch(('set', 'k', 'first value'), ('set', 'l', 'w'))
    before = contents(t.db)
    t.set('k', 'other')
    after = contents(t.db)
    for name, data in before.items():
        data = data.rstrip(b'\0')  # a file may be longer than what is in it
        if b'first value' in data and not after.get(name, b'').startswith(data):
            raise Failed('the bytes that were there, and the new record '
                         'behind them or in another file',
                         f'{name} has changed')
