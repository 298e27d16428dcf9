"""What a lesson is, and the list of all of them."""

import argparse
import dataclasses
import pathlib
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST, LAST = 1, 9  # the stages that can be graded
NUMBERS = f'{FIRST:02} to {LAST:02}'
STAGES = {number: path.name for number in range(FIRST, LAST + 1)
          for path in (ROOT / 'stages').glob(f'{number:02}_*')}


def stage(text):
    """The number of a stage that is named as 04 or 04_keydir, for argparse."""
    number = text.split('_')[0]
    if not number.isdigit() or int(number) not in STAGES:
        raise argparse.ArgumentTypeError(
            f'there is no stage {text} to be graded: {NUMBERS}')
    return int(number)


def logs(number):
    """Whether an acknowledged write stands in a log, so that it outlives the
    process. In the others it is in memory, but with --sync always."""
    return number != 8


def in_memory(number):
    return not logs(number)


def sorts(number):
    """Whether the files are tables, each of them sorted by key."""
    return number in (8, 9)


def appends(number):
    """Whether all that there is are logs."""
    return not sorts(number)


def has_both(number):
    """Whether a log stands before the tables: what is acknowledged is in one
    of them, and nothing is lost."""
    return logs(number) and sorts(number)


def is_bitcask(number):
    """Whether the directory is Bitcask's."""
    return number in (7, 10)


def at_once(number):
    """Options with which an acknowledged write is where other processes see
    it, and where a kill -9 leaves it."""
    return () if logs(number) else ('--sync', 'always')


@dataclasses.dataclass
class Lesson:
    """One promise of the contract, tried out."""
    name: str
    why: str
    teach: typing.Callable
    stages: list
    read: str  # a section of docs/
    group: str


LESSONS = []

# In the order in which they are taught.
GROUPS = {
    'basics': 'Commands', 'batches': 'Batches', 'limits': 'Limits',
    'crashes': 'Crashes and other processes', 'merging': 'Segments and merging',
    'tables': 'Sorted tables', 'log_and_tables': 'A log before tables',
    'damage': 'Damage', 'table_damage': 'Damage in tables',
    'log_damage': 'Damage in a log before tables',
    'bitcask_files': "Bitcask's files",
    'costs': 'Costs', 'exercises': 'Exercise',
}


def lesson(name, read, since=FIRST, until=LAST, where=None):
    """Makes a lesson of a function; its docstring says why it matters. It is
    for the stages from `since` to `until` that `where` picks."""
    def add(teach):
        LESSONS.append(Lesson(
            name, ' '.join(teach.__doc__.split()), teach,
            list(filter(where, range(since, until + 1))) if where else
            list(range(since, until + 1)), read, teach.__module__))
        return teach
    return add


def exercise(number, name):
    """Makes the graded exercise of a stage of a function: it fails with the
    stage as it ships, and passes once the reader has changed it."""
    return lesson(name, f'../stages/{STAGES[number]}/README.md#exercises',
                  number, number)


def lessons_of(number, exercises=False):
    """The lessons of a stage in the order in which they are taught, or its
    exercise."""
    order = list(GROUPS)
    return sorted((each for each in LESSONS if number in each.stages and
                   (each.group == 'exercises') == exercises),
                  key=lambda each: order.index(each.group))
