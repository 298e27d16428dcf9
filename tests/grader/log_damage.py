"""Lessons on damage where a log stands before sorted tables: what is lost of the
log may be newer than anything in a table."""

from damage import DAMAGE
from lesson import has_both, lesson
from program import Failed, Unseen, contents, noise
from table_damage import Tables


class Layers(Tables):
    """A store with a table of old values, and a log that overwrites and deletes
    some of them, and copies of it that are spoilt."""

    ASKED = ('key000', 'key020', 'key036', 'key001', 'key027', 'key002',
             'no such key')

    def __init__(self, t):
        self.t, self.image, self.copies, self.files = t, t.db, 0, []
        old = {f'key{i:03}': noise(60, i) for i in range(40)}
        new = {f'key{i:03}': noise(30, f'new {i}') for i in range(0, 40, 4)}
        gone = [f'key{i:03}' for i in range(1, 40, 13)]
        self.write(*[('set', *pair) for pair in old.items()])
        for key, value in new.items():
            t.batch(('set', key, value), *[('del', each) for each in gone])
        self.model = old | new
        for key in gone:
            del self.model[key]

    def log(self):
        """@returns the name of the file that the newest writes are in"""
        value = self.model['key036'].encode()
        names = [name for name, data in contents(self.image).items()
                 if value in data]
        if len(names) != 1:
            raise Unseen('no file holds the value as it was written')
        return names[0]

    def expect_right_or_3(self, keys):
        """@returns whether all is answered"""
        refused = self.refused(keys)
        got = self.t.run('scan')
        if got.status == 3:
            return False
        self.t.expect_pairs(self.model)
        return refused == 0

    def expect_nothing_gone(self, names):
        """Where an answer is missing all these files are there still."""
        missing = set(names) - set(contents(self.t.db))
        if missing:
            raise Failed('no file removed where there is damage',
                         f'{", ".join(sorted(missing))}: it is gone')

    def write_over(self, names):
        """A writer comes, and goes on where it can; and still nothing wrong is
        told, and no file has gone."""
        got = self.t.run('set', 'key004', 'again')
        if got.status not in (0, 3):
            got.fail('exit code 0, or 3: there is damage')
        before = self.model['key004']
        if got.status == 0:
            self.model['key004'] = 'again'
            self.t.get('key004', 'again')
        if not self.expect_right_or_3(self.ASKED):
            self.expect_nothing_gone(names)
        self.model['key004'] = before


@lesson('A changed byte of the log above tables', DAMAGE, where=has_both)
def changed_log(t):
    """Behind the log stand older values of the same keys, and they look right.
    What was lost may have been newer, or may have deleted them."""
    layers = Layers(t)
    layers.files = [layers.log()]
    size = layers.size(0)
    for part in range(16):
        layers.flipped(0, size * part // 16 + part % 5)
        layers.refused(layers.ASKED)
        t.run('scan').exits(3, 'an answer may be missing or old')
        got = t.run('verify').exits(3, 'there is damage')
        if layers.files[0].encode() not in got.out:
            got.fail(f'a line that names {layers.files[0]}')
        t.run('compact').exits(3, 'there is damage')
        # What is written now is newer than all that was lost.
        t.set('key020', 'set anew')
        t.get('key020', 'set anew')
        t.run('del', 'key036').exits(0)
        t.get('key036', None)
        layers.refused(['key000', 'key001', 'key002', 'key027'])
        t.run('verify').exits(3, 'the damage is still there')


@lesson('A changed byte of any file', DAMAGE, where=has_both)
def any_file(t):
    """Also where a file only says which others there are. Whoever believes it,
    or begins anew without it, removes what he no longer knows."""
    layers = Layers(t)
    names = {name: data for name, data in contents(layers.image).items() if data}
    layers.files = list(names)
    for age, data in enumerate(names.values()):
        for part in range(8):
            layers.flipped(age, len(data) * part // 8 + part % 3)
            layers.expect_right_or_3(layers.ASKED)
            layers.write_over(names)
        # Each byte of the short one, which may name the others: 9 becomes 8,
        # and other numbers others.
        for offset in range(0, len(data), 1 if len(data) < 600 else 50):
            for bit in {0, offset % 8}:
                layers.flipped(age, offset, bit)
                layers.expect_right_or_3(['key039'])  # the last of its table


@lesson('Any file may be missing', DAMAGE, where=has_both)
def any_missing(t):
    """Without the newest file older values would be told, and what has been
    deleted would be back. Without the one that says which there are, nobody
    knows what to remove."""
    layers = Layers(t)
    names = [name for name, data in contents(layers.image).items() if data]
    for name in names:
        layers.copy(f'its {name} is removed')
        (t.db / name).unlink()
        layers.expect_right_or_3(layers.ASKED)
        layers.write_over([each for each in names if each != name])
