#!/usr/bin/env python3
"""Every mutation still fits the sources: what it takes out stands there exactly
once, and the tests that are to fail with it exist. Whether they do fail,
./strata mutate finds out."""

import fnmatch
import importlib.util
import pathlib
import re

import sources

READER = pathlib.Path(__file__).resolve().parents[1] / 'mutations/mutations.py'
TEST = re.compile(r'^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)', re.M)


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
    path = top / mutation.file
    if not mutation.file or not path.is_file():
        yield f'there is no file {mutation.file}'
    else:
        count = len(mutation.places_in(path.read_text()))
        if not mutation.old or count != 1:
            yield f'what goes out is {count} times in {mutation.file}'
    if mutation.old == mutation.new:
        yield 'nothing is changed'
    for one in mutation.fails.split(':'):
        if not fnmatch.filter(tests, one.split('/')[0].lstrip('*')):
            yield f"there is no test '{one}'"


def main():
    top = sources.root()
    mutations = reader()
    if not (top / mutations.LIST).exists():
        sources.finish([])
    tests = tests_in(top)
    sources.finish([f'{mutations.LIST}:{mutation.line}: {why}'
                    for mutation in mutations.read(top)
                    for why in offences_of(mutation, top, tests)])


if __name__ == '__main__':
    main()
