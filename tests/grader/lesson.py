"""What a lesson is, and the list of all of them."""

import dataclasses
import typing

FIRST, LAST = 1, 7  # the stages that can be graded


@dataclasses.dataclass
class Lesson:
    """One promise of the contract, tried out."""
    name: str
    why: str
    teach: typing.Callable
    stages: range
    read: str  # a section of docs/
    group: str


LESSONS = []

# In the order in which they are taught.
GROUPS = {
    'basics': 'Commands', 'batches': 'Batches', 'limits': 'Limits',
    'crashes': 'Crashes and other processes', 'merging': 'Segments and merging',
    'damage': 'Damage', 'bitcask_files': "Bitcask's files", 'costs': 'Costs',
    'exercises': 'Exercise',
}


def lesson(name, read, since=FIRST, until=LAST):
    """Makes a lesson of a function; its docstring says why it matters."""
    def add(teach):
        LESSONS.append(Lesson(
            name, ' '.join(teach.__doc__.split()), teach,
            range(since, until + 1), read, teach.__module__))
        return teach
    return add


def lessons_of(stage):
    order = list(GROUPS)
    return sorted((each for each in LESSONS if stage in each.stages),
                  key=lambda each: order.index(each.group))
