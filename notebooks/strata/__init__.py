"""Strata's stores from Python, as the engines are: no model, no copy.

    >>> import strata
    >>> with strata.open('04_keydir', 'town.db') as store:
    ...     store['city'] = 'Rome'
    ...     with store.explain() as costs:
    ...         print(store['city'])
    ...     print(costs)
    b'Rome'
    1 read (22 bytes)

`stages()` tells what there is to open. Keys and values are bytes; a str is
taken as UTF-8. What is a table comes as a pandas data frame; pandas is not
needed for anything else.
"""

import dataclasses
import os

import _strata
from _strata import Busy, Damage, Disk
from strata.crashes import Recording, State, record
from strata.store import Costs, Store

__all__ = ['Busy', 'Costs', 'Damage', 'Disk', 'Recording', 'Stage', 'State',
           'Store', 'open', 'record', 'stages']
Busy.__module__ = Damage.__module__ = Disk.__module__ = __name__


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage, described."""

    name: str         # '04_keydir'
    title: str        # what it is, in a few words
    flaw: str         # what the next stage mends
    checksums: bool   # whether a changed byte is noticed
    scans: bool       # whether a get reads more the longer the file
    sorts: bool       # whether its files are sorted: keys ascend
    logs: bool        # whether a kill keeps what was acknowledged
    options: dict     # its own, by keyword: help, default, min, max, choices
    refuses: dict     # what it cannot do yet, and what brings it


def stages():
    """All stages, in the order of the story."""
    return [Stage(**{**told, 'options': {_keyword(flag): option for flag, option
                                         in told['options'].items()}})
            for told in _strata.stages()]


def open(stage, directory, mode='write', sync='never', disk=None, **options):
    """Opens the store in `directory`, of the stage with that name.

    mode 'write' makes the directory where it is missing and takes the writer's
    lock; 'read' takes none and changes nothing. sync says when a write is
    acknowledged: 'never' waits for the disk, or 'always' does. The stage's own
    options are keywords: segment_bytes=4096, compression='zstd'. With disk=Disk()
    the directory is in memory, where a sync takes no time; many stores can share
    such a disk.

    Raises ValueError for a stage or option that is not there, OSError, Busy.
    """
    return Store(stage, os.fsencode(directory), mode, sync, options, disk)


def _keyword(flag):
    return flag[2:].replace('-', '_')
