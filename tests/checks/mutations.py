#!/usr/bin/env python3
"""Every mutation still fits the sources: what it takes out stands there exactly
once, and the tests that are to fail with it exist. Whether they do fail,
./strata mutate and ./strata grade --mutations find out."""

import fnmatch
import importlib.util
import pathlib
import re

import sources

READER = pathlib.Path(__file__).resolve().parents[1] / 'mutations/mutations.py'
GRADED = ('tests/grader/mutations.txt', 'tests/grader/solutions.txt')
SWITCH = 'SWITCH'
TEST = re.compile(
    r'^(?:TEST(?:_F|_P)?|RC_GTEST(?:_FIXTURE)?_PROP)\(\s*(\w+),\s*(\w+)',
    re.M)


def reader():
    spec = importlib.util.spec_from_file_location('mutations', READER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tests_in(top):
    """The names of all tests, as filters know them but for the parameter."""
    return {f'{suite}.{test}'
            for path in sources.cpp_files(top, 'tests')
            for suite, test in TEST.findall((top / path).read_text())}


def offences_of(mutation, top, tests):
    if not mutation.changes:
        yield 'it changes no file'
    for change in mutation.changes:
        path = top / change.file
        if not change.file or not path.is_file():
            yield f'there is no file {change.file}'
            continue
        count = len(change.places_in(path.read_text()))
        if not change.old or count != 1:
            yield f'what goes out is {count} times in {change.file}'
        if change.old == change.new:
            yield 'nothing is changed'
    if tests is None:  # it is the grader that must find it
        if not set(mutation.stages.split()) or SWITCH not in ''.join(
                change.new for change in mutation.changes):
            yield 'it names no stage, or has no switch'
        return
    for one in mutation.fails.split(':'):
        if not fnmatch.filter(tests, one.split('/')[0].lstrip('*')):
            yield f"there is no test '{one}'"


def main():
    top = sources.root()
    mutations = reader()
    lists = {mutations.LIST: tests_in(top)} | {name: None for name in GRADED}
    sources.finish([f'{name}:{mutation.line}: {why}'
                    for name, tests in lists.items() if (top / name).exists()
                    for mutation in mutations.read(top, name)
                    for why in offences_of(mutation, top, tests)])


if __name__ == '__main__':
    main()
