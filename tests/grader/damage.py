"""Lessons on damage: never wrong, never stale, nothing deleted."""

import shutil

from crashes import last_record
from lesson import appends, at_once, lesson
from program import Failed, Unseen, contents, noise

DAMAGE = 'contract.md#damage'
RIGHT_OR_3 = 'the right value, or exit code 3'


class Records:
    """A store as it lies there after each of four writes of `pairs`."""

    # The first one is long: where each write is a file of its own, what is
    # behind it is not worth merging with it.
    PAIRS = (('k', 'old value of k' + noise(1000, 'old')),
             ('other', 'a value of other'), ('k', 'new value of k'),
             ('last', 'a value of last'))

    def __init__(self, t):
        self.t = t
        running = t.start('batch', '--ack', options=at_once(t.stage))
        images = []
        for number, pair in enumerate(self.PAIRS):
            running.acknowledged('set', *pair)
            images.append(running.image(f'image{number}'))
        running.kill()
        self.image = images[-1]
        self.places = []
        before = {}
        for (_, value), image in zip(self.PAIRS, images):
            after = contents(image)
            self.places.append(last_record(before, after, value.encode()))
            before = after
        self.copies = 0

    def flipped(self, number, at, bit=0):
        """Makes a new store in which a byte of a record has one bit changed;
        `at` counts from the record's first byte, or back from its end."""
        name, begin, end = self.places[number]
        offset = end + at if at < 0 else begin + at
        self.copies += 1
        self.t.db = self.t.home / f'flipped{self.copies}'
        shutil.copytree(self.image, self.t.db)
        data = bytearray((self.t.db / name).read_bytes())
        data[offset] ^= 1 << bit
        (self.t.db / name).write_bytes(data)
        self.t.done.append(f'cp -r image3 {self.t.db.name}; in its {name} bit '
                           f'{bit} of the byte at offset {offset} is changed')
        return name


def right_or_damaged(t, key, value):
    got = t.run('get', key)
    right = got.status == 0 and got.out == value.encode() + b'\n'
    if not right and not (got.status == 3 and not got.out):
        got.fail(RIGHT_OR_3)


@lesson('A changed value is noticed', DAMAGE, since=4)
def changed_value(t):
    """Disks change bits. The checksum is there so that nobody is given a
    value that was never written."""
    records = Records(t)
    name = records.flipped(2, -1)
    got = t.run('get', 'k').exits(3, 'the record is damaged').prints('')
    if name not in got.err.decode(errors='replace'):
        got.fail(f'the error to name the file, {name}')
    right_or_damaged(t, 'other', 'a value of other')
    t.get('last', 'a value of last')
    records.flipped(3, -1)  # complete, and yet wrong: no torn tail
    before = contents(t.db)
    t.run('get', 'last').exits(3, 'the record is damaged').prints('')
    t.run('set', 'new', 'after').exits(0)
    if not contents(t.db)[name].startswith(before[name]):
        raise Failed('the damaged record still there', 'it was cut off')


@lesson('Damage never makes an old value the answer', DAMAGE, since=4)
def never_stale(t):
    """Whoever passes over a damaged record finds the older one of the same
    key, which looks right. It is worse than an error."""
    records = Records(t)
    _, begin, end = records.places[2]
    for at in range(end - begin):
        records.flipped(2, at, at % 8)
        right_or_damaged(t, 'k', 'new value of k')
        right_or_damaged(t, 'other', 'a value of other')
    records.flipped(2, -1)
    for command in ('keys', 'scan'):
        t.run(command).exits(3, 'an answer may be missing or old')


@lesson('Damage in a dead record', DAMAGE, since=4)
def dead_record(t):
    """It could have been any key's newest record, except of those that have
    been written behind it."""
    records = Records(t)
    records.flipped(0, -1)
    t.get('k', 'new value of k')
    t.get('other', 'a value of other')
    t.get('last', 'a value of last')


@lesson('verify finds each damaged place', DAMAGE, since=4)
def verify_finds(t):
    """A store that nobody reads rots unseen; so every byte can be checked."""
    t.batch(('set', 'k', 'v'), ('set', 'l', 'w'))
    t.run('verify').exits(0).prints('')
    records = Records(t)
    for number in (1, 2):
        name = records.flipped(number, -1)
        before = contents(t.db)
        got = t.run('verify').exits(3, 'there is damage')
        if len(got.records()) != 1 or name.encode() not in got.out:
            got.fail('one line on standard output, which names the file')
        if contents(t.db) != before:
            got.fail('nothing changed on disk')


@lesson('salvage copies what is readable', DAMAGE, since=4)
def salvage(t):
    """The damaged store stays as it was, for those who can do better. What
    is lost is listed."""
    records = Records(t)
    records.flipped(1, -1)
    before = contents(t.db)
    new = t.home / 'new'
    got = t.run('salvage', str(new)).exits(0)
    if not got.out:
        got.fail('a line for what was lost')
    if contents(t.db) != before:
        got.fail('the damaged store as it was')
    t.expect_pairs({'k': 'new value of k', 'last': 'a value of last'}, db=new)
    t.run('verify', db=new).exits(0)
    t.run('salvage', str(new)).refuses()


@lesson('compact refuses to run over damage', DAMAGE, since=6)
def compact_refuses(t):
    """Afterwards nobody could find out what had been there. And an older
    record that moves would look newer than the damaged one."""
    records = Records(t)
    for number in (2, 0):  # of 0 another process knows a newer record
        name = records.flipped(number, -1)
        before = contents(t.db)[name]
        t.run('compact').exits(3, 'there is damage')
        if contents(t.db).get(name) != before:
            raise Failed(f'{name} as it was', 'it has changed, or is gone')
        t.get('last', 'a value of last')


@lesson('A record that breaks off in an older file is damage', DAMAGE, since=5,
        where=appends)
def broken_off(t):
    """Only the newest file can end in mid-write. In any other one a record that
    breaks off had been acknowledged, and so had what stood behind it."""
    options = ('--segment-bytes', '40')
    for pair in (('k', 'old value of k'), ('other', 'a value of other'),
                 ('k', 'new value of k'), ('last', 'a value of last')):
        t.set(*pair, options=options)
    t.set('behind', 'it', options=options)
    name = next((name for name, data in contents(t.db).items()
                 if b'new value of k' in data), None)
    if name is None or b'behind' in contents(t.db)[name]:
        raise Unseen('no older file holds the value as it was written')
    path = t.db / name
    path.write_bytes(path.read_bytes()[:path.read_bytes().index(
        b'new value of k') + 5])
    t.done.append(f'truncate store/{name} within the new value of k')
    right_or_damaged(t, 'k', 'new value of k')
    t.run('verify').exits(3, 'a record breaks off in a file that is not the '
                          'newest')
