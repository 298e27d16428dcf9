"""Lessons on damage in tables, where a block is what can be lost."""

import shutil

from damage import DAMAGE, RIGHT_OR_3
from lesson import lesson, logs, sorts
from program import Failed, Unseen, contents, noise


class Tables:
    """A store of three tables, in which each key has an answer that is known,
    and copies of it that are spoilt."""

    def __init__(self, t):
        self.t = t
        old = {f'key{i:03}': noise(180, i) for i in range(150)}
        new = {f'key{i:03}': noise(180, f'new {i}') for i in range(10, 100)}
        gone = [f'key{i:03}' for i in range(12, 100, 9)]
        self.files = []  # by age
        newest = [('set', 'key000', 'newest'), ('set', 'key140', 'newest')]
        self.write(*[('set', *pair) for pair in old.items()])
        self.write(*[('set', *pair) for pair in new.items() if pair[0] not in gone],
                   *[('del', key) for key in gone], newest=newest)
        t.batch(*newest)
        self.model = old | new | {'key000': 'newest', 'key140': 'newest'}
        for key in gone:
            del self.model[key]
        self.image = t.db
        self.copies = 0

    def write(self, *lines, newest=()):
        """Makes a table of the lines. Where there is a log, the oldest is made
        by a compact, and the other by `newest`: each of these writes finds the
        memtable full."""
        before = contents(self.t.db) or {}
        self.t.batch(*lines)
        if logs(self.t.stage) and newest:
            self.t.batch(*newest, options=('--segment-bytes', '1'))
        elif logs(self.t.stage):
            self.t.run('compact').exits(0)
        made = {name: len(data) for name, data in contents(self.t.db).items()
                if name not in before}
        self.files.append(max(made, key=made.get, default=None))
        if self.files[-1] is None:
            raise Failed('a file for each memtable that was written out',
                         'no new one', 'contract.md#names-and-places')
        if any(name not in contents(self.t.db) for name in self.files):
            raise Unseen('its tables are merged as soon as they are there')

    def copy(self, what):
        """@returns the number of the copy's directory"""
        self.copies += 1
        self.t.db = self.t.home / f'spoilt{self.copies}'
        shutil.copytree(self.image, self.t.db)
        self.t.done.append(f'cp -r store {self.t.db.name}; {what}')

    def flipped(self, age, offset, bit=None):
        bit = offset % 8 if bit is None else bit
        name = self.files[age]
        self.copy(f'in its {name} bit {bit} of the byte at offset {offset} is '
                  'changed')
        data = bytearray((self.t.db / name).read_bytes())
        data[offset] ^= 1 << bit
        (self.t.db / name).write_bytes(data)

    def cut(self, age, size):
        name = self.files[age]
        self.copy(f'its {name} is cut to {size} bytes')
        data = (self.t.db / name).read_bytes()
        (self.t.db / name).write_bytes(data[:size])

    def size(self, age):
        return (self.image / self.files[age]).stat().st_size

    def refused(self, keys):
        """Asks for the keys; each answer is the right one, or none.
        @returns for how many there was none"""
        refused = 0
        for key in keys:
            got = self.t.run('get', key)
            if got.status == 3 and not got.out:
                refused += 1
            elif key not in self.model:
                if got.status != 1:
                    got.fail('exit code 1 or 3: it was deleted')
            elif (got.status, got.out) != (
                    0, self.model[key].encode() + b'\n'):
                got.fail(RIGHT_OR_3)
        return refused


@lesson('A changed byte of a table costs one block', DAMAGE, where=sorts)
def one_block_is_lost(t):
    """Which keys are in a block, the index tells. So all the others have their
    answers still; and those in it have none, least of all an older one."""
    tables = Tables(t)
    new = [f'key{i:03}' for i in (12, 30, 48, 66, 84, 99)]  # gone, or newer
    for age, keys in ((1, new), (0, ['key001', 'key110', 'key130', *new[::3]])):
        size = tables.size(age)
        for part in range(11):
            tables.flipped(age, size * part // 11 + part)
            refused = tables.refused(keys)
            if part < 6 and refused > len(keys) // 2:
                raise Failed('answers for most keys: one block is damaged',
                             f'{refused} of {len(keys)} were refused')
            name = tables.files[age]
            got = t.run('verify').exits(3, 'there is damage')
            if name.encode() not in got.out:
                got.fail(f'a line that names {name}')
        tables.flipped(age, size - 10)
        tables.refused(keys)
    for command in ('keys', 'scan'):
        tables.flipped(1, 3000)
        t.run(command).exits(3, 'an answer may be missing or old')


@lesson('A table that was cut is damaged', DAMAGE, where=sorts)
def cut_anywhere(t):
    """A table has its name only when it is whole. So this is no torn tail, and
    what stood behind the cut was acknowledged."""
    tables = Tables(t)
    size = tables.size(1)
    for at in (0, 5, size // 3, size * 2 // 3, size - 30, size - 1):
        tables.cut(1, at)
        tables.refused(['key012', 'key030', 'key099'])
        if tables.refused(['key000', 'key140']):
            raise Failed('answers for the keys of the newest table, which is '
                         'whole', 'they were refused')
        t.run('verify').exits(3, 'there is damage')
        t.run('compact').exits(3, 'there is damage')


@lesson('A table that is missing is noticed', DAMAGE, where=sorts)
def missing(t):
    """Without it the older tables would tell values that have been
    overwritten, and what has been deleted would be back."""
    tables = Tables(t)
    for age, lost in ((0, 'key110'), (1, 'key030'), (1, 'key012')):
        tables.copy(f'its {tables.files[age]} is removed')
        (t.db / tables.files[age]).unlink()
        if tables.refused(['key000', 'key140']):
            raise Failed('answers for the keys of the newest table',
                         'they were refused')
        t.run('get', lost).exits(3, 'its table is missing').prints('')
        t.run('scan').exits(3, 'answers may be missing or old')
        t.run('verify').exits(3, 'a table is missing')
        t.run('compact').exits(3, 'a table is missing')


@lesson('verify goes through all blocks', DAMAGE, where=sorts)
def all_blocks(t):
    """A line for each damaged place, also where it is not the first one of its
    file."""
    tables = Tables(t)
    size = tables.size(0)
    tables.flipped(0, size // 3)
    path = t.db / tables.files[0]
    data = bytearray(path.read_bytes())
    data[size * 2 // 3] ^= 1
    path.write_bytes(data)
    t.done.append(f'and one of the byte at offset {size * 2 // 3}')
    got = t.run('verify').exits(3, 'there is damage')
    if len(got.records()) != 2:
        got.fail('two lines on standard output: two blocks are damaged')


@lesson('salvage keeps the newest of each key', DAMAGE, where=sorts)
def salvage_newest(t):
    """It goes through all tables side by side, as a merge does. What is gone
    stays gone, and what is readable is saved."""
    tables = Tables(t)
    t.run('salvage', str(t.home / 'whole')).exits(0).prints('')
    t.expect_pairs(tables.model, db=t.home / 'whole')
    tables.flipped(0, tables.size(0) // 2)
    t.run('salvage', str(t.home / 'most')).exits(0)
    saved = {k.decode(): v.decode() for k, v in t.scan(db=t.home / 'most')}
    if not saved.items() <= tables.model.items():
        raise Failed('no pair that was not in the store', 'one that was not')
    if len(saved) < len(tables.model) * 2 // 3:
        raise Failed('all but what one block held', f'{len(saved)} pairs of '
                     f'{len(tables.model)}')
