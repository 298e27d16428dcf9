#!/usr/bin/env python3
"""Grades the grader: every wrong store of mutations.txt must be caught, every
exercise must fail before its solution and pass with it, the example must pass,
and the skeleton of each stage must build and refuse by name."""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'mutations'))
import mutations  # noqa: E402
import tree  # noqa: E402
from lesson import STAGES, stage as stage_named  # noqa: E402

COPY = tree.ROOT / 'build/grader/tree'
BUILD = tree.ROOT / 'build/grader/programs'
MUTATIONS = pathlib.Path('tests/grader/mutations.txt')
SOLUTIONS = pathlib.Path('tests/grader/solutions.txt')
SECONDS = 600
WARNINGS = ('-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion',
            '-Wsign-conversion', '-Werror')
WORDS = {'wrong': 'caught', 'right': 'passes', 'exercise': 'graded',
         'skeleton': 'begins'}
EXAMPLE = pathlib.Path('docs/examples/scan_log.py')
HEADER = 'common/switched.h'
SWITCHED = '''\
#pragma once
#include <cstdlib>
#include <string_view>
namespace strata {
inline bool switched(std::string_view name) {
  static const char* const on = std::getenv("STRATA_SWITCH");
  return on != nullptr && name == on;
}
}  // namespace strata
'''


def changed_sources(listed):
    """Every file that a change is made to, with all of them made at once."""
    edits = collections.defaultdict(list)
    for mutation in listed:
        for change in mutation.changes:
            text = (tree.ROOT / change.file).read_text()
            places = change.places_in(text)
            if len(places) != 1:
                sys.exit(f'"{mutation.name}" does not fit {change.file}')
            new = change.new.replace(
                'SWITCH', f'strata::switched("{mutation.name}")')
            edits[change.file].append((places[0], len(change.old), new,
                                       mutation.name))
    texts = {HEADER: SWITCHED}
    for file, found in edits.items():
        text = (tree.ROOT / file).read_text()
        end = len(text)
        for begin, size, new, name in sorted(found, reverse=True):
            if begin + size > end:
                sys.exit(f'"{name}" and another change the same lines of {file}')
            text = text[:begin] + new + text[begin + size:]
            end = begin
        texts[file] = re.sub(r'^#include', f'#include "{HEADER}"\n#include',
                             text, count=1, flags=re.M)
    return texts


def skeleton(stage):
    """The name of the stage's skeleton, with a number that nobody has."""
    free = next(n for n in range(stage + 90, 10, -10)
                if not list((tree.ROOT / 'stages').glob(f'{n}_*')))
    return f'{free}_mine'


def build(listed):
    """Builds the stages with all changes, and a skeleton for each of them."""
    tree.copy_sources(COPY, changed_sources(listed))
    for stage in STAGES:
        status, said = tree.run(
            [sys.executable, COPY / 'tests/grader/start.py', '--stage', STAGES[stage],
             '--start', skeleton(stage)])
        if status != 0:
            sys.exit(said)
    status, said = tree.run(
        ['cmake', '-S', COPY, '-B', BUILD, '-G', 'Ninja',
         '-DCMAKE_BUILD_TYPE=None', '-DCMAKE_CXX_FLAGS=-O0 -w',
         '-DSTRATA_BENCH=OFF', '-DSTRATA_TESTS=OFF'])
    if status == 0:
        status, said = tree.run(
            ['cmake', '--build', BUILD, '-j', str(os.cpu_count() or 2),
             '--target', *STAGES.values(), *map(skeleton, STAGES)])
    if status != 0:
        sys.exit(f'{said}\nthe sources do not build with the changes')


def graded(stage, switch, *words, program=None):
    """@returns the status of the grader, and what it says."""
    return tree.run(
        [sys.executable, HERE / 'grade.py', '--stage', STAGES[stage], *words, '--',
         *(program or [BUILD / 'bin' / STAGES[stage]])], SECONDS,
        env={**os.environ, 'STRATA_SWITCH': switch})


def first_failure(said):
    found = re.search(r'^  FAIL (.*)', said or '', re.M)
    return found[1] if found else 'it did not end by itself'


def try_right(stage):
    """Nothing is found wrong with a stage that is right."""
    status, said = graded(stage, '')
    return status == 0, f'{STAGES[stage]} as it is', '' if status == 0 else said


def try_example(stage):
    status, said = graded(stage, '', program=['python3', tree.ROOT / EXAMPLE])
    return status == 0, str(EXAMPLE), '' if status == 0 else said


def try_skeleton(stage):
    """A stage of which nothing is written fails at once, and says why."""
    name = skeleton(stage)
    status, said = graded(stage, '', '--stop',
                          program=[BUILD / 'bin' / name])
    good = (status == 1 and first_failure(said) == 'A value comes back' and
            f"{name}: no 'set' yet" in said)
    if good:  # the build itself warns of nothing, because of the mutations
        status, said = tree.run(
            [os.environ.get('CXX', 'c++'), '-std=c++20', *WARNINGS,
             '-fsyntax-only', '-I', COPY, COPY / 'stages' / name / 'store.cpp'])
        good = status == 0
    return good, name, '' if good else said


def try_mutation(stage, mutation):
    """Some lesson fails: the one that is named, or any."""
    status, said = 0, ''
    if mutation.fails:
        status, said = graded(stage, mutation.name, '--only', mutation.fails)
        if status == 2:  # there is no such lesson
            return False, mutation.name, said
    if status == 0:
        status, said = graded(stage, mutation.name, '--stop')
    caught = status != 0 and '  FAIL ' in (said or '')
    return caught, mutation.name, (first_failure(said) if caught else
                                   'nobody noticed' if status == 0 else said)


def try_solution(stage, mutation):
    """The exercise fails without it, and passes with it."""
    name = f'the exercise of {STAGES[stage]}'
    status, said = graded(stage, '', '--exercise')
    if status == 0:
        return False, name, 'it passes before anything is done'
    if '  FAIL ' not in (said or ''):
        return False, name, said
    status, said = graded(stage, mutation.name, '--exercise')
    return status == 0, name, '' if status == 0 else said


def main():
    parser = argparse.ArgumentParser(
        prog='./strata grade', description=__doc__)
    parser.add_argument('--mutations', action='store_true', help='do this')
    parser.add_argument('--stage', metavar='NN', type=stage_named,
                        help='only this one')
    parser.add_argument('--only', metavar='TEXT', default='',
                        help='only what has TEXT in its name')
    parser.add_argument('--one-in', metavar='N', type=int, default=1,
                        help='only every Nth wrong store of each stage')
    options = parser.parse_args()
    if options.one_in < 1:
        parser.error('--one-in wants a number from 1 on')
    wrong = mutations.read(tree.ROOT, MUTATIONS)
    solved = mutations.read(tree.ROOT, SOLUTIONS)
    build([*wrong, *solved])
    print('built with every change, each behind a switch', flush=True)
    todo = []
    for stage in STAGES if options.stage is None else [options.stage]:
        if not options.only:
            todo.append((stage, 'right', try_right, (stage,)))
            todo.append((stage, 'skeleton', try_skeleton, (stage,)))
        if not options.only and stage == 1:
            todo.append((stage, 'right', try_example, (stage,)))
        for kind, listed, tried in (('wrong', wrong, try_mutation),
                                    ('exercise', solved, try_solution)):
            mine = [each for each in listed
                    if f'{stage:02}' in each.stages.split()
                    and options.only in each.name]
            step = options.one_in if kind == 'wrong' else 1
            todo += [(stage, kind, tried, (stage, each)) for each in mine[::step]]
    missed = report(todo)
    sys.exit(1 if missed else 0)


def report(todo):
    """Runs all, and prints each as it ends, and then the score.
    @returns how many were not as they should be"""
    score = collections.defaultdict(lambda: [0, 0])
    missed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        running = [(stage, kind, pool.submit(tried, *given))
                   for stage, kind, tried, given in todo]
        for stage, kind, future in running:
            good, name, why = future.result()
            missed += not good
            if kind == 'wrong':
                score[stage][0] += good
                score[stage][1] += 1
            word = WORDS[kind] if good else 'MISSED'
            print(f'{stage:02} {word}  {name}' + (f': {why}' if why else ''),
                  flush=True)
    print()
    for stage, (caught, all_of_it) in sorted(score.items()):
        print(f'{STAGES[stage]:<16} {caught} of {all_of_it} wrong stores caught')
    caught, all_of_it = (sum(x) for x in zip(*score.values())) if score else (0, 0)
    print(f'{"all":<16} {caught} of {all_of_it}; {missed} not as it should be')
    return missed


if __name__ == '__main__':
    main()
