#!/usr/bin/env python3
"""Makes the report of a benchmark: report.html, report.md and report.json.

    report.py RESULTS.json [--out DIR]

All three say the same, since all of it is computed once (model.py) from the
results. The charts of the page need Observable Plot and d3, which `npm ci`
brings into build/report; without them the page has its tables only."""

import argparse
import json
import os
import pathlib
import sys

import markdown
import model
import page
import results
import terminal

ROOT = pathlib.Path(__file__).resolve().parents[2]


def replace(path, text):
    """Writes the file whole or not at all."""
    unfinished = path.with_name(path.name + '.new')
    unfinished.write_text(text, encoding='utf-8')
    os.replace(unfinished, path)


def main():
    parser = argparse.ArgumentParser(
        prog='strata report', description='Makes the report of a benchmark.')
    parser.add_argument('results', metavar='RESULTS.json', type=pathlib.Path,
                        help='what the benchmark left')
    parser.add_argument('--out', metavar='DIR', type=pathlib.Path,
                        help='the directory of the report; else that of the '
                             'results')
    parser.add_argument('--libraries', type=pathlib.Path,
                        default=ROOT / 'build/report/node_modules',
                        help='where npm put the charts\' libraries')
    arguments = parser.parse_args()
    out = arguments.out or arguments.results.parent
    try:
        report = model.build(results.load(arguments.results))
        out.mkdir(parents=True, exist_ok=True)
        replace(out / 'report.json', json.dumps(report, allow_nan=False) + '\n')
        replace(out / 'report.md', markdown.report(report))
        replace(out / 'report.html', page.page(report, arguments.libraries))
    except (results.BadResults, OSError) as error:
        print(f'report: {error}', file=sys.stderr)
        return 2
    print(terminal.summary(report))
    print(out / 'report.html')
    return 0


if __name__ == '__main__':
    sys.exit(main())
