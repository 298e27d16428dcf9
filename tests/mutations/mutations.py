"""Reads lists of mutations: bugs that the tests must find, and other changes
that are made to a copy of the sources."""

import dataclasses
import pathlib
import re

LIST = pathlib.Path('tests/mutations/mutations.txt')


@dataclasses.dataclass
class Change:
    """Lines of a source file that go out, and what comes in for them."""
    file: str
    old: str = ''
    new: str = ''

    def places_in(self, text):
        """@returns where the lines that go out begin in `text`."""
        return [match.start() for match in re.finditer('^', text, re.M)
                if text.startswith(self.old, match.start())]

    def applied_to(self, text):
        """@returns `text` with the change made."""
        begin = self.places_in(text)[0]
        return text[:begin] + self.new + text[begin + len(self.old):]


@dataclasses.dataclass
class Mutation:
    """A change of the sources, and the tests that must fail with it."""
    line: int  # of its name, in the list
    name: str
    changes: list = dataclasses.field(default_factory=list)
    fails: str = ''
    stages: str = ''


def read(top, name=LIST):
    """@returns the mutations of a list in the project at `top`, in the list's
    order."""
    mutations = []
    for number, line in enumerate((top / name).read_text().split('\n'), 1):
        if line.startswith('#') or not line:
            continue
        if line.startswith('file: '):
            mutations[-1].changes.append(Change(line.removeprefix('file: ')))
        elif line.startswith('fails: '):
            mutations[-1].fails = line.removeprefix('fails: ')
        elif line.startswith('stages: '):
            mutations[-1].stages = line.removeprefix('stages: ')
        elif line.startswith(('-', '+')):
            changes = mutations[-1].changes
            last = changes[-1]
            if line.startswith('-') and last.new:  # another place in the file
                last = Change(last.file)
                changes.append(last)
            if line.startswith('-'):
                last.old += line[1:] + '\n'
            else:
                last.new += line[1:] + '\n'
        else:
            mutations.append(Mutation(number, line))
    return mutations
