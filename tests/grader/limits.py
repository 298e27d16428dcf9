"""Lessons on what a store can hold, and on what a stage does not have yet."""

from lesson import appends, lesson, sorts
from program import Failed, contents, script

HOLD = 'contract.md#what-a-store-can-hold'


def refused_without_a_trace(t, *operations):
    """Each operation is refused, as a command and in a batch, and the disk
    stays as it was."""
    t.set('kept', 'value')
    before = contents(t.db)
    for operation in operations:
        if all('\0' not in field and len(field) < 100_000
               for field in operation):
            t.run(*operation).refuses()
        got = t.run('batch', stdin=script([operation])).refuses('line 1')
        if contents(t.db) != before:
            got.fail('nothing changed on disk: what cannot be held is refused '
                     'before the first byte is written')
    t.get('kept', 'value')


@lesson('The empty key is refused', HOLD)
def empty_key(t):
    """In a text log it would be a line that begins with a comma; nobody
    misses it."""
    refused_without_a_trace(t, ('set', '', 'v'))


@lesson('A key of 65,536 bytes is refused', HOLD)
def too_long_a_key(t):
    """Its length does not fit into the two bytes of the record: the number
    would wrap to 0, and a record be read where none is."""
    refused_without_a_trace(t, ('set', 'k' * 65536, 'v'),
                            ('set', 'k' * 65537, 'v'))


@lesson('A text log refuses what would break a line', HOLD, until=3)
def text_limits(t):
    """A comma in a key moves the end of the key, a newline ends the record.
    Both would be read as something else than was written."""
    refused_without_a_trace(
        t, ('set', 'a,b', 'v'), ('set', ',', 'v'), ('set', 'a\nb', 'v'),
        ('set', 'k', 'a\nb'), ('set', 'k', '\n'))


@lesson('Every byte can stand in a key and in a value', HOLD, since=4)
def all_bytes(t):
    """The record says how long its parts are, so no byte has a meaning."""
    every = bytes(range(256))
    pairs = {b'\0': b'\0', b'\n': b'\n\n', b',': b',', b'a\nb': b'c\nd,e',
             every: every[::-1], b'\xff': b'', b' ': b'\0' * 20}
    t.batch(*[('set', key, value) for key, value in pairs.items()])
    t.expect_pairs(pairs)
    t.get('a\nb', b'c\nd,e')
    if sorted(t.keys()) != sorted(pairs):
        raise Failed('all seven keys from keys', 'others')


@lesson('A value that begins like a tombstone is refused', HOLD, since=4,
        where=appends)
def marker(t):
    """This record format says "deleted" by a value. A pair whose value looks
    like that would be gone at the next open."""
    refused_without_a_trace(t, ('set', 'k', 'bitcask_tombstone'),
                            ('set', 'k', 'bitcask_tombstone2 and more'))
    t.set('k', 'a bitcask_tombstone')
    t.get('k', 'a bitcask_tombstone')
    t.set('bitcask_tombstone', 'key')
    t.get('bitcask_tombstone', 'key')
    t.set('k', 'bitcask_tombston')
    t.get('k', 'bitcask_tombston')


@lesson('A value may begin like a tombstone', HOLD, where=sorts)
def no_marker(t):
    """A table has room to say "deleted" beside the value, so no value is
    taken."""
    pairs = {'k': 'bitcask_tombstone', 'l': 'bitcask_tombstone2 and more',
             'empty': ''}
    t.batch(*[('set', *pair) for pair in pairs.items()])
    t.expect_pairs(pairs)
    t.run('del', 'l').exits(0)
    del pairs['l']
    t.expect_pairs(pairs)
    t.run('compact').exits(0)
    t.expect_pairs(pairs)
    t.get('k', 'bitcask_tombstone')
    t.get('empty', '')


NOT_YET = 'contract.md#which-stage-has-what'


@lesson('No del before stage 06', NOT_YET, until=5)
def no_del(t):
    """A stage that cannot do something says so, and where it arrives. A
    `del` that does nothing would be believed."""
    t.set('k', 'v')
    t.run('del', 'k').refuses('06_compaction')
    t.run('compact').refuses('06_compaction')
    t.get('k', 'v')


@lesson('No verify and no salvage before stage 04', NOT_YET, until=3)
def no_verify(t):
    """Text has no checksum: a changed byte in a value cannot be seen, and to
    say "all is well" would be a lie."""
    t.set('k', 'v')
    t.run('verify').refuses('04_keydir')
    t.run('salvage', str(t.home / 'new')).refuses('04_keydir')
    if (t.home / 'new').exists():
        raise Failed('no new store', 'it was made')


@lesson('No --segment-bytes before stage 05', NOT_YET, until=4)
def no_segments(t):
    """An option that is taken and does nothing is worse than none."""
    t.run('set', 'k', 'v', options=('--segment-bytes', '100')).refuses(
        '05_segments')
    if t.db.exists():
        raise Failed('no store made', 'there is one')
