#!/usr/bin/env python3
"""Puts each bug of mutations.txt back, in a copy of the sources under build/,
and tells whether the tests find it: run.py [PART OF A NAME]. Exits 1 when one
is missed. Takes some 15 seconds a bug, after the first build."""

import os
import sys

import mutations
from tree import BUILD_SECONDS, ROOT, copy_sources, run

COPY = ROOT / 'build/mutations/tree'
BUILD = ROOT / 'build/mutations/release'
TESTS = BUILD / 'bin/strata_mutation_tests'
TEST_SECONDS = 120


def build():
    return run(['cmake', '--build', BUILD, '-j', str(os.cpu_count() or 2),
                '--target', 'strata_mutation_tests'], BUILD_SECONDS)


def prepare():
    copy_sources(COPY)
    status, said = run(
        ['cmake', '-S', COPY, '-B', BUILD, '-G', 'Ninja',
         '-DCMAKE_BUILD_TYPE=Release', '-DSTRATA_BENCH=OFF',
         '-DSTRATA_TESTS=ON'], BUILD_SECONDS)
    if status == 0:
        status, said = build()
    if status != 0:
        sys.exit(f'{said}\nthe sources do not build as they are')


def check_unchanged(chosen):
    """Without a bug every test named passes, and each filter names some."""
    for fails in sorted({mutation.fails for mutation in chosen}):
        status, said = run([TESTS, f'--gtest_filter={fails}'], TEST_SECONDS)
        if status != 0 or '[  PASSED  ] 0 tests' in said:
            sys.exit(f'{said}\nwithout any bug: {fails}')


def restore(texts):
    for path, text in texts.items():
        path.write_text(text)


def try_out(mutation):
    """@returns whether the tests find the bug, and what to say of it."""
    before = {}
    for change in mutation.changes:
        path = COPY / change.file
        text = path.read_text()
        before.setdefault(path, text)
        if len(change.places_in(text)) != 1:
            restore(before)
            return False, 'does not fit the sources'
        path.write_text(change.applied_to(text))
    try:
        status, said = build()
        if status != 0:
            return False, f'does not build:\n{said}'
        status, said = run(
            [TESTS, '--gtest_fail_fast', f'--gtest_filter={mutation.fails}'],
            TEST_SECONDS)
    finally:
        restore(before)
    if status == 0:
        return False, 'every test passes: ' + mutation.fails
    failed = [line.split()[3].rstrip(',') for line in said.split('\n')
              if line.startswith('[  FAILED  ] ') and '.' in line]
    if failed:
        return True, failed[0]
    return True, said if status is None else f'the tests end with {status}'


def main():
    part = ' '.join(sys.argv[1:])
    chosen = [mutation for mutation in mutations.read(ROOT)
              if part in mutation.name]
    if not chosen:
        sys.exit(f'no bug has "{part}" in its name')
    prepare()
    check_unchanged(chosen)
    missed = 0
    for mutation in chosen:
        found, why = try_out(mutation)
        missed += not found
        print(f'{"caught" if found else "MISSED"}  {mutation.name}\n'
              f'        {why}', flush=True)
    print(f'{len(chosen) - missed} caught, {missed} missed')
    sys.exit(1 if missed else 0)


if __name__ == '__main__':
    main()
