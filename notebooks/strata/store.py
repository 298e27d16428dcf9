"""`Store`: an open store; `Costs`: what something done to it cost."""

import contextlib
import os

import _strata

# Fields that are no numbers. Key and value may be any bytes, a line is text.
_BYTES, _TEXT = ('key', 'value'), ('line',)
# A table of records begins with these; a field of that name gets a longer one.
_FRONT = ('file', 'offset', 'size', 'state')
_TOTALS = {'open': 'opens', 'read': 'reads', 'write': 'writes', 'sync': 'syncs'}


class Costs:
    """The calls to the operating system that something took.

    `totals` adds them up, `keydirs` is how many indexes were asked meanwhile: of
    the store's segments, or of its tables.
    """

    def __init__(self):
        self.totals = _totals_of([])
        self.keydirs = 0
        self._calls = []

    @property
    def calls(self):
        """Each call, oldest first: call, file, offset, bytes, why, error."""
        frame = _frame(self._calls, ['call', 'file', 'offset', 'bytes', 'why',
                                     'error'])
        return frame.astype({'offset': 'Int64', 'bytes': 'Int64'})

    def __getattr__(self, name):
        totals = self.__dict__.get('totals', {})
        if name in totals:
            return totals[name]
        raise AttributeError(f'costs have no {name}: they have '
                             f'{", ".join(totals)}, calls and keydirs')

    def __str__(self):
        parts = []
        for call in ('open', 'read', 'write', 'sync'):
            count = self.totals[_TOTALS[call]]
            if count:
                moved = self.totals.get({'read': 'bytes_read',
                                         'write': 'bytes_written'}.get(call))
                parts.append(_counted(count, call) + (
                    '' if moved is None else f' ({_counted(moved, "byte")})'))
        if self.totals['others']:
            parts.append(_counted(self.totals['others'], 'other call'))
        if self.keydirs:
            parts.append(_counted(self.keydirs, 'keydir') + ' asked')
        return ', '.join(parts) or 'no call'

    def __repr__(self):
        return f'<{self}>'

    def _fill(self, told, directory):
        self._calls = [
            {**call, 'file': os.path.relpath(call['path'], directory)}
            for call in told['calls']]
        self.totals = _totals_of(told['calls'])
        self.keydirs = told['keydirs']


class Store(_strata.Store):
    """A store that `strata.open` has opened. It is much like a dict of bytes.

    `opening` is what opening it cost, `notes` what it told, such as of a torn
    tail; `ledger` adds up all calls since the open began.
    """

    def __init__(self, stage, directory, mode='write', sync='never',
                 options=None, disk=None):
        super().__init__(stage, directory, mode, sync, options or {}, disk)
        self.directory = os.fsdecode(directory)
        self.opening = Costs()
        self.opening._fill(self._end_explain(), self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def __repr__(self):
        state = ', closed' if self.closed else ''
        return f'<{self.stage} in {self.directory}{state}>'

    def __getitem__(self, key):
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key, value):
        self.set(key, value)

    def __delitem__(self, key):
        """Deletes `key`; raises KeyError when it is not there."""
        self[key]
        self.delete(key)

    def __contains__(self, key):
        return self.get(key) is not None

    def __len__(self):
        return self.stats()['keys']

    def __bool__(self):
        return True  # an empty store is a store

    def __iter__(self):
        """Over the keys that were live when it began, in any order."""
        return iter(self.keys())

    def items(self):
        """All live pairs, ascending by key."""
        return self.scan()

    @contextlib.contextmanager
    def explain(self):
        """Tells what is done meanwhile: `with store.explain() as costs: …`.

        `costs` is filled when the block ends.
        """
        costs = Costs()
        self._begin_explain()
        try:
            yield costs
        finally:
            costs._fill(self._end_explain(), self.directory)

    def file_stats(self):
        """Each file with records, oldest first, and what they are worth."""
        return _frame(self.file_records(), ['file', 'live_bytes', 'dead_bytes',
                                            'dead_percent'])

    def dump(self, file=''):
        """Every record on disk, oldest first, and every stretch that is none.

        A column for each field of the format: numbers as int, key and value as
        bytes. One that is called like a column before it, as the offset in a
        hint, is called `field_offset`. `why` says what is wrong.
        """
        rows = []
        for record in self.records(file):
            row = {name: record[name] for name in _FRONT}
            for name, value in record['fields']:
                row['field_' + name if name in row else name] = _value(name,
                                                                       value)
            row['why'] = record['why']
            rows.append(row)
        names = list(dict.fromkeys(name for row in rows for name in row))
        front = list(_FRONT)
        middle = [name for name in names if name not in front + ['why']]
        frame = _frame(rows, front + middle + ['why'])
        numbers = [name for name in middle if name not in _BYTES + _TEXT]
        return frame.astype({name: 'Int64' for name in numbers})


def _value(name, value):
    if name in _BYTES:
        return value
    if name in _TEXT:
        return value.decode(errors='backslashreplace')
    return int(value, 16 if name == 'crc' else 10)


def _totals_of(calls):
    totals = dict(opens=0, reads=0, bytes_read=0, writes=0, bytes_written=0,
                  syncs=0, others=0)
    moved = {'read': 'bytes_read', 'write': 'bytes_written'}
    for call in calls:
        totals[_TOTALS.get(call['call'], 'others')] += 1
        if call['call'] in moved:
            totals[moved[call['call']]] += call['bytes']
    return totals


def _counted(count, noun):
    return f'{count:,} {noun}' + ('' if count == 1 else 's')


def _frame(rows, columns):
    import pandas  # only who wants a table needs it
    return pandas.DataFrame(rows, columns=columns)
