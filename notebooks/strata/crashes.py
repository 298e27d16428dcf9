"""Crash states: a run in memory is recorded, and what a power cut or a kill at
any point could have left of the disk is rebuilt.

    >>> with strata.record('04_keydir', sync='always') as run:
    ...     run['city'] = 'Rome'
    >>> for state in run.states('power cut'):
    ...     with state.open() as store:
    ...         print(state.what, store.get('city'))

The model is that of common/os/crash.h: what no sync has covered may be missing
or be there in part.
"""

import dataclasses

import _strata
from strata.store import Store, _frame

_DIRECTORY = 'db'


@dataclasses.dataclass(frozen=True)
class State:
    """A disk that a crash may have left."""

    what: str           # when it crashed, and what is missing
    changes: int        # how many changes to the disk came before it
    acknowledged: int   # how many operations had been acknowledged
    files: dict         # path to bytes
    directories: list
    run: 'Recording' = dataclasses.field(repr=False)

    def open(self, mode='read'):
        """Opens the store on a copy of that disk, as the run had opened it."""
        disk = _strata.Disk(self.files, self.directories)
        return Store(self.run.stage, _DIRECTORY, mode, self.run.sync,
                     self.run.options, disk)


class Recording(Store):
    """A store in memory whose every change to its disk is written down.

    `operations` lists what was done and acknowledged: ('set', key, value),
    ('delete', key) or ('compact',).
    """

    def __init__(self, stage, sync='never', **options):
        self._recorder = _strata.Recorder()
        self.sync = sync
        self.options = options
        self.operations = []
        super().__init__(stage, _DIRECTORY, 'write', sync, options,
                         self._recorder)

    def set(self, key, value):
        super().set(key, value)
        self._acknowledge('set', _bytes(key), _bytes(value))

    def delete(self, key):
        super().delete(key)
        self._acknowledge('delete', _bytes(key))

    def compact(self):
        super().compact()
        self._acknowledge('compact')

    def _acknowledge(self, *operation):
        self.operations.append(operation)
        self._recorder.mark()

    def contents(self, count):
        """What the first `count` operations add up to: a dict."""
        pairs = {}
        for name, *words in self.operations[:count]:
            if name == 'set':
                pairs[words[0]] = words[1]
            elif name == 'delete':
                pairs.pop(words[0], None)
        return pairs

    def changes(self):
        """Each change to the disk and each sync, oldest first, numbered from 1.

        The column `operation` says during which one it was made, counting from
        1; 'acknowledged' marks its end.
        """
        rows = []
        operation = 1
        for number, change in enumerate(self._recorder.changes(), 1):
            rows.append({'change': number, 'operation': operation, **change})
            operation += change['kind'] == 'acknowledged'
        frame = _frame(rows, ['change', 'operation', 'kind', 'path', 'to',
                              'offset', 'bytes'])
        return frame.astype({'offset': 'Int64'}).set_index('change')

    def states(self, kind='power cut', without=()):
        """Each state that a 'power cut' or a 'kill' could have left, once.

        `without` takes away syncs, by the numbers that `changes` gives them:
        what could have been left if they had not been made?
        """
        return [State(run=self, **state)
                for state in self._recorder.states(kind, list(without))]


def record(stage, sync='never', **options):
    """Opens a new store in memory whose changes to its disk are recorded."""
    return Recording(stage, sync, **options)


def _bytes(text):
    return text.encode() if isinstance(text, str) else bytes(text)
