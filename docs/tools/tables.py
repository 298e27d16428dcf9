"""Tables of the project's own data."""

import fnmatch
import importlib.util
import os
import re
import shlex

from wrong import Wrong

# Where the projects are whose bugs are told of.
HOMES = {
    'badger': 'dgraph-io/badger', 'leveldb': 'google/leveldb',
    'mini-lsm': 'skyzh/mini-lsm', 'nutsdb': 'nutsdb/nutsdb',
    'redis': 'redis/redis', 'rocksdb': 'facebook/rocksdb',
    'rosedb': 'rosedblabs/rosedb', 'weaviate': 'weaviate/weaviate',
}
HEADING = re.compile(r'# ---- (.*)')
STAGES = re.compile(r'(\d\d(?:(?:, | and )\d\d)*) (.*)')
SOURCES = re.compile(r'(.*) \(([^()]*)\)')
TEST = re.compile(
    r'^(?:TEST(?:_F|_P)?|RC_GTEST(?:_FIXTURE)?_PROP)\(\s*(\w+),\s*(\w+)', re.M)


def rows_of(heads, rows):
    """A table in Markdown, as lines."""
    return [f'| {" | ".join(cells)} |'
            for cells in (heads, ['---'] * len(heads), *rows)]


def cell(text):
    """Text as it may stand in a cell."""
    return re.sub(r'([|<*_\\])', r'\\\1', text)


def in_words(name):
    """`ATombstoneStays` as "A tombstone stays"."""
    words = re.findall(r'\d+|[A-Z][a-z]*|[a-z]+', name)
    return ' '.join(words[:1] + [word.lower() for word in words[1:]])


# --- the museum -------------------------------------------------------------


def mutations(root):
    """Yields (heading, mutation) of the list, in its order."""
    path = root / 'tests/mutations/mutations.py'
    try:
        spec = importlib.util.spec_from_file_location('mutations', path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        listed = module.read(root)
        lines = (root / module.LIST).read_text().split('\n')
    except OSError as error:
        raise Wrong(f'cannot read the mutations: {error}') from None
    headings = {number: match[1] for number, line in enumerate(lines, 1)
                if (match := HEADING.match(line))}
    for mutation in listed:
        above = [number for number in headings if number < mutation.line]
        yield headings[max(above)] if above else '', mutation


def tests(root):
    """Every test as (Suite, Name, file)."""
    return [(suite, name, path)
            for path in sorted(root.glob('tests/**/*_test.cpp'))
            for suite, name in TEST.findall(path.read_text())]


def tests_named(patterns, known):
    """The tests that a GoogleTest filter means, as (words, file). Of a whole
    suite only its name is told."""
    found = {}
    for pattern in patterns.split(':'):
        suite, _, name = pattern.partition('.')
        name = name.partition('/')[0]
        those = [(s, n, path) for s, n, path in known
                 if fnmatch.fnmatchcase(s, suite)
                 and fnmatch.fnmatchcase(n, name)]
        if not those:
            raise Wrong(f'there is no test {pattern}')
        for s, n, path in those:
            words = f'all of `{s}`' if name == '*' else in_words(n)
            found[words, path] = None
    return list(found)


def source_of(name):
    """`leveldb#193` or `basho/bitcask e3ae214`, linked where it is known."""
    match = re.fullmatch(r'([\w/-]+)(?:#(\d+)| ([0-9a-f]{7,}))', name)
    home = match and (match[1] if '/' in match[1] else HOMES.get(match[1]))
    if not home:
        return cell(name)
    where = f'issues/{match[2]}' if match[2] else f'commit/{match[3]}'
    return f'[{name}](https://github.com/{home}/{where})'


class Bug:
    """A bug, with what is told of it in one or more stages, each once."""

    def __init__(self):
        self.stages, self.tests, self.files = {}, {}, {}

    def row(self, root, folder, words):
        sources = SOURCES.fullmatch(words)
        told = cell(sources[1] if sources else words)
        told = told[:1].upper() + told[1:]
        if sources:
            named = map(source_of, sources[2].split(', '))
            told += f' ({", ".join(named)})'
        found = [f'[{test}]({os.path.relpath(path, folder)})'
                 for test, path in self.tests]
        files = [f'[`{short_name(file)}`]'
                 f'({os.path.relpath(root / file, folder)})'
                 for file in sorted(self.files)]
        return (told, ', '.join(sorted(self.stages)), '; '.join(found),
                ', '.join(files))


def short_name(file):
    """`06/merge.cpp` of a stage's file, else the name alone."""
    stage = re.match(r'stages/(\d\d)_', file)
    name = os.path.basename(file)
    return f'{stage[1]}/{name}' if stage else name


def museum(root, folder, arguments):
    """The bugs that `./strata mutate` puts back, or those under a heading."""
    if len(arguments) > 1:
        raise Wrong('table: museum wants one heading, or none')
    known = tests(root)
    bugs = {}
    for heading, mutation in mutations(root):
        if arguments and heading != arguments[0]:
            continue
        stages = STAGES.fullmatch(mutation.name)
        bug = bugs.setdefault(stages[2] if stages else mutation.name, Bug())
        numbers = re.findall(r'\d\d', stages[1]) if stages else ['shared']
        bug.stages.update(dict.fromkeys(numbers))
        bug.files.update({change.file: None for change in mutation.changes})
        bug.tests.update(dict.fromkeys(tests_named(mutation.fails, known)))
    if not bugs:
        raise Wrong(f'no mutation stands under "{arguments[0]}"' if arguments
                    else 'there are no mutations')
    return rows_of(('the bug', 'stage', 'found by', 'put back in'),
                   (bug.row(root, folder, words)
                    for words, bug in bugs.items()))


TABLES = {'museum': museum}


def table(root, folder, what):
    """What a `table` directive of a document in `folder` asks for."""
    name, *arguments = shlex.split(what) or ['']
    if name not in TABLES:
        raise Wrong(f'table: knows {", ".join(TABLES)}, not {what}')
    return TABLES[name](root, folder, arguments)
