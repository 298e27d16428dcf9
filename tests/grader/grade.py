#!/usr/bin/env python3
"""Grades a program in any language by the contract of a stage."""

import argparse
import collections
import importlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import textwrap
import time

import lesson
from program import SECONDS, Failed, Trial, Unseen

for module in lesson.GROUPS:
    importlib.import_module(module)


def where(section):
    """A section of docs/ for a person: file, and heading in words."""
    file, _, anchor = section.partition('#')
    path = (lesson.ROOT / 'docs' / file).resolve().relative_to(lesson.ROOT)
    return str(path) + (f', "{anchor.replace("-", " ")}"' if anchor else '')


def try_out(each, command, stage):
    """@returns "passed", "failed" or "unseen", and why, as text."""
    home = pathlib.Path(tempfile.mkdtemp(prefix='grade.')).resolve()
    trial = Trial(command, home, stage)
    try:
        each.teach(trial)
        return 'passed', ''
    except Unseen as why:
        return 'unseen', str(why)
    except Failed as wrong:
        return 'failed', explained(each, trial, wrong)
    except (OSError, shutil.Error, ValueError, AttributeError) as error:
        # The store is not where, or not what, the lesson has looked for.
        return 'failed', explained(each, trial, Failed(
            'a directory store/ with files in it, that can be looked at',
            f'{type(error).__name__}: {error}', 'contract.md#names-and-places'))
    finally:
        trial.end()
        shutil.rmtree(home, ignore_errors=True)


def explained(each, trial, wrong):
    """What was done, what came back, what was expected, why, what to read."""
    done = trial.done
    if len(done) > 9:
        done = [*done[:2], f'… ({len(done) - 8} more)', *done[-6:]]
    parts = (('done', '\n'.join(done)), ('came back', wrong.came),
             ('expected', wrong.expected), ('why', each.why),
             ('read again', '\n'.join(dict.fromkeys(
                 where(part) for part in (each.read, wrong.read) if part))))
    text = ''
    for name, what in parts:
        lines = []
        for line in what.splitlines():
            lines += (textwrap.wrap(line, 78) if name == 'why' else [line]) or ['']
        text += f'    {name + ":":<12}{lines[0] if lines else ""}\n'
        text += ''.join(f'    {"":<12}{line}\n' for line in lines[1:])
    return text


def grade(wanted, command, stage, stop, out):
    """Tries each lesson, tells of the first failure at once and in full, and
    of the others by name.
    @returns how many failed"""
    counts, hung = collections.Counter(), 0
    group, unseen, later = None, {}, []
    for each in wanted:
        if each.group != group:
            group = each.group
            print(f'{lesson.GROUPS[group]}', file=out)
        start = time.monotonic()
        state, why = try_out(each, command, stage)
        hung += state == 'failed' and time.monotonic() - start > SECONDS - 1
        counts[state] += 1
        mark = {'passed': 'ok  ', 'failed': 'FAIL', 'unseen': '?   '}[state]
        print(f'  {mark} {each.name}', file=out, flush=True)
        if state == 'failed':
            if counts['failed'] == 1:
                print(why, file=out)
                if stop:
                    break
            else:
                later.append(each.name)
            if hung == 2:
                later.append('and all that was not tried, since it hangs')
                break
        elif state == 'unseen':
            unseen.setdefault(why, []).append(each.name)
    for why, names in unseen.items():
        print(f'not seen: {", ".join(names)}: {why}', file=out)
    if later:
        print('Mend the first failure first; it is told of above. After it: '
              + ', '.join(later), file=out)
    print(f'{counts["passed"]} passed, {counts["failed"]} failed' +
          (f', {counts["unseen"]} not seen' if unseen else ''), file=out)
    return counts['failed']


def arguments(words):
    parser = argparse.ArgumentParser(
        prog='./strata grade', usage='./strata grade --stage NN '
        '[--exercise] [--only TEXT] [--stop] -- COMMAND [WORD...]\n'
        '       ./strata grade --stage NN --list\n'
        '       ./strata grade --stage NN --start [NAME]\n'
        '       ./strata grade --mutations [--stage NN] [--one-in N]',
        description='Drives a program in any language through the contract of '
        'a stage (docs/contract.md).')
    parser.add_argument('--stage', metavar='NN', type=lesson.stage,
                        help=lesson.NUMBERS)
    parser.add_argument('--exercise', action='store_true',
                        help="only the stage's graded exercise")
    parser.add_argument('--only', metavar='TEXT', default='',
                        help='only the lessons with TEXT in their name')
    parser.add_argument('--stop', action='store_true',
                        help='end at the first failure')
    parser.add_argument('--list', action='store_true',
                        help='only say which lessons there are')
    own = words[words.index('--') + 1:] if '--' in words else []
    options = parser.parse_args(words[:words.index('--')] if '--' in words
                                else words)
    if options.stage is None:
        parser.error(f'--stage is missing: {lesson.NUMBERS}')
    if not own and not options.list:
        parser.error('what is graded stands behind "--": a program and its '
                     'first words')
    return parser, options, own


def main():
    parser, options, command = arguments(sys.argv[1:])
    wanted = [each for each in lesson.lessons_of(options.stage, options.exercise)
              if options.only in each.name]
    if not wanted:
        parser.error(f'no lesson has {options.only} in its name')
    if options.list:
        for each in wanted:
            print(f'{lesson.GROUPS[each.group]}: {each.name}\n    {where(each.read)}')
        return 0
    program = shutil.which(command[0])
    if program is None:
        parser.error(f'there is no program {command[0]}')
    # It runs elsewhere. A link stays a link: what it is called by can matter,
    # as in a virtual environment of Python's.
    command = [os.path.abspath(program), *(
        os.path.abspath(word) if os.path.exists(word) else word
        for word in command[1:])]
    return 1 if grade(wanted, command, options.stage, options.stop,
                      sys.stdout) else 0


if __name__ == '__main__':
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)
