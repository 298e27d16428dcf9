"""Reads the list of mutations: bugs that the tests must find."""

import dataclasses
import pathlib
import re

LIST = pathlib.Path('tests/mutations/mutations.txt')


@dataclasses.dataclass
class Mutation:
    """A change of one source file, and the tests that must fail with it."""
    line: int  # of its name, in the list
    name: str
    file: str = ''
    old: str = ''
    new: str = ''
    fails: str = ''

    def places_in(self, text):
        """@returns where the lines that go out begin in `text`."""
        return [match.start() for match in re.finditer('^', text, re.M)
                if text.startswith(self.old, match.start())]

    def applied_to(self, text):
        """@returns `text` with the bug in it."""
        begin = self.places_in(text)[0]
        return text[:begin] + self.new + text[begin + len(self.old):]


def read(top):
    """@returns the mutations of the project at `top`, in the list's order."""
    mutations = []
    lines = (top / LIST).read_text().split('\n')
    for number, line in enumerate(lines, 1):
        if line.startswith('#') or not line:
            continue
        if line.startswith('file: '):
            mutations[-1].file = line.removeprefix('file: ')
        elif line.startswith('fails: '):
            mutations[-1].fails = line.removeprefix('fails: ')
        elif line.startswith('-'):
            mutations[-1].old += line[1:] + '\n'
        elif line.startswith('+'):
            mutations[-1].new += line[1:] + '\n'
        else:
            mutations.append(Mutation(number, line))
    return mutations
