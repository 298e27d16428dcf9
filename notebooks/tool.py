#!/usr/bin/env python3
"""Checks, renders and cleans notebooks; ./strata notebooks calls it.

    tool.py check DIR        every notebook is clean and runs through; DIR/tests pass
    tool.py html DIR OUT     executes them and renders each as one page in OUT
    tool.py clean FILE...    takes out what a session has left in them
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import time

import nbclient
import nbformat

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 120  # for a whole notebook; on two slow cores each needs some ten
METADATA = {'kernelspec': {'display_name': 'Python 3', 'language': 'python',
                           'name': 'python3'},
            'language_info': {'name': 'python'}}
LINK = re.compile(r'\]\((?![a-z]+:|#)([^)\s]+)\)')


def notebooks(directory):
    """The notebooks of a directory, by name."""
    return sorted(pathlib.Path(directory).glob('*.ipynb'))


def clean(notebook):
    """Takes out of a notebook what running it has left."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == 'code':
            cell.outputs = []
            cell.execution_count = None
    return notebook


def text_of(notebook):
    """A notebook as its file should read."""
    return nbformat.writes(notebook) + '\n'


def faults(path):
    """Yields what is wrong with a notebook before it is run."""
    text = path.read_text()
    notebook = nbformat.reads(text, as_version=4)
    for number, cell in enumerate(notebook.cells, 1):
        if cell.get('outputs') or cell.get('execution_count') is not None:
            yield f'cell {number} has outputs or an execution count'
        for target in LINK.findall(cell.source) if (
                cell.cell_type == 'markdown') else ():
            if not (path.parent / target.split('#')[0]).exists():
                yield f'cell {number}: the link to {target} leads nowhere'
    if text != text_of(clean(notebook)):
        yield 'it holds what a session left: ./strata notebooks --clean'


def execute(notebook):
    """Runs all cells, from top to bottom, in an empty directory."""
    end = time.monotonic() + SECONDS
    with tempfile.TemporaryDirectory() as directory:
        client = nbclient.NotebookClient(
            notebook, kernel_name='python3',
            resources={'metadata': {'path': directory}},
            timeout_func=lambda cell: max(1, int(end - time.monotonic())))
        client.execute()


def tests_pass(directory):
    """Runs the tests beside the notebooks, where there are any."""
    tests = pathlib.Path(directory) / 'tests'
    return not tests.exists() or subprocess.run(
        [sys.executable, '-m', 'unittest', 'discover', '-s', tests],
        check=False).returncode == 0


def check(directory):
    """Returns whether the tests pass and all notebooks are clean and run through."""
    found = notebooks(directory)
    good = tests_pass(directory) and bool(found)
    if not found:
        print(f'{directory}: there are no notebooks')
    for path in found:
        wrong = list(faults(path))
        start = time.monotonic()
        try:
            execute(nbformat.read(path, as_version=4))
        except nbclient.exceptions.CellTimeoutError:
            wrong.append(f'it takes more than {SECONDS} s')
        except nbclient.exceptions.CellExecutionError as error:
            wrong.append(re.sub(r'\x1b\[[\d;]*m', '', str(error)))
        for what in wrong:
            print(f'{path.name}: {what}')
        if not wrong:
            print(f'{path.name}: {time.monotonic() - start:.1f} s')
        good = good and not wrong
    return good


def page_of(path):
    """Executes a notebook and returns its page and title."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config
    config = Config()
    config.CSSHTMLHeaderPreprocessor.style = 'friendly'
    config.HTMLExporter.extra_template_basedirs = [str(HERE)]
    config.HTMLExporter.template_name = 'page'
    exporter = HTMLExporter(config=config)
    notebook = nbformat.read(path, as_version=4)
    execute(notebook)
    title = re.match(r'# (.*)', notebook.cells[0].source)[1]
    notebook.metadata['title'] = title
    page = exporter.from_notebook_node(notebook)[0]
    # It lies in build/docs/notebooks. Links stand in outputs, too.
    page = re.sub(r'href="\.\./', 'href="../../../', page)
    page = re.sub(r'href="(\w+)\.ipynb', r'href="\1.html', page)
    return page, title


def html(directory, out):
    """Renders all notebooks, and a page that lists them."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for path in notebooks(directory):
        page, title = page_of(path)
        if re.search(r'<script|<link|\bsrc="(?!data:)', page):
            sys.exit(f'{path.name}: its page would ask for more than itself')
        file = out / f'{path.stem}.html'
        file.write_text(page)
        print(file)
        lines.append(f'<li><a href="{file.name}">{title}</a></li>')
    (out / 'index.html').write_text(
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8">'
        '<title>Strata: notebooks</title><h1>Notebooks</h1>'
        f'<ol>{"".join(lines)}</ol></html>\n')
    return bool(lines)


def main(command, *words):
    if command == 'check':
        return check(*words)
    if command == 'html':
        return html(*words)
    if command == 'clean':
        for name in words:
            path = pathlib.Path(name)
            notebook = nbformat.read(path, as_version=4)
            path.write_text(text_of(clean(notebook)))
        return True
    sys.exit(__doc__)


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(0 if main(*sys.argv[1:]) else 1)
