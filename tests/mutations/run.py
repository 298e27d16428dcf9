#!/usr/bin/env python3
"""Puts each bug of mutations.txt back, in a copy of the sources under build/,
and tells whether the tests find it: run.py [PART OF A NAME]. Exits 1 when one
is missed. Takes some 15 seconds a bug, after the first build."""

import os
import pathlib
import subprocess
import sys

import mutations

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / 'build/mutations/tree'
BUILD = ROOT / 'build/mutations/release'
TESTS = BUILD / 'bin/strata_mutation_tests'
SOURCES = ('.ci', 'bench', 'common', 'docs', 'stages', 'tests')
BUILD_SECONDS = 900
TEST_SECONDS = 120


def write(path, data):
    """Leaves the time of a file alone that has these bytes already."""
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def copy_sources():
    """Makes COPY the same as the project, whatever an earlier run has left."""
    files = [path for path in ROOT.glob('CMake*') if path.is_file()]
    for folder in SOURCES:
        files += [path for path in (ROOT / folder).rglob('*')
                  if path.is_file() and '__pycache__' not in path.parts]
    wanted = {path.relative_to(ROOT) for path in files}
    for path in COPY.rglob('*'):
        if path.is_file() and path.relative_to(COPY) not in wanted:
            path.unlink()
    for path in wanted:
        write(COPY / path, (ROOT / path).read_bytes())


def run(command, seconds):
    """@returns the exit status, nothing after so many seconds, and the output."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors='replace',
            timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return None, f'did not end within {seconds} s'
    return done.returncode, done.stdout


def build():
    return run(['cmake', '--build', BUILD, '-j', str(os.cpu_count() or 2),
                '--target', 'strata_mutation_tests'], BUILD_SECONDS)


def prepare():
    copy_sources()
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


def try_out(mutation):
    """@returns whether the tests find the bug, and what to say of it."""
    path = COPY / mutation.file
    text = path.read_text()
    if len(mutation.places_in(text)) != 1:
        return False, 'does not fit the sources'
    path.write_text(mutation.applied_to(text))
    try:
        status, said = build()
        if status != 0:
            return False, f'does not build:\n{said}'
        status, said = run(
            [TESTS, '--gtest_fail_fast', f'--gtest_filter={mutation.fails}'],
            TEST_SECONDS)
    finally:
        path.write_text(text)
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
