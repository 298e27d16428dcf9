#!/usr/bin/env python3
"""Each check finds an offence planted in a small project, and finds nothing
in the same project without it."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

HEADER = '''\
/// @file
/// Apples.
#pragma once

#include <string>

namespace strata {

/// An apple.
class Apple {
 public:
  /// @returns its colour.
  [[nodiscard]] std::string colour() const { return colour_; }

 private:
  std::string colour_;
};

}  // namespace strata
'''
SOURCE = '''\
#include "stages/01_a/store.h"

#include "common/apple.h"

// ::open(path) and <fcntl.h> stand in a comment.
const char* kText = "::open(";
'''


class ChecksTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / 'a project'
        self.plant('common/apple.h', HEADER)
        self.plant('stages/01_a/store.h', '#pragma once\n')
        self.plant('stages/02_b/store.h', '#pragma once\n')
        self.plant('stages/01_a/store.cpp', SOURCE)
        self.plant('README.md', '# Strata\n\n[a stage](stages/01_a/store.h) '
                   'and `stages/02_b`: `./strata tour`.\n')
        for name in ('.clang-format', '.clang-tidy', 'strata', 'docs/Doxyfile',
                     'docs/tools/site.sh', 'docs/tools/doxygen.awk',
                     'docs/tools/pages.py', 'docs/tools/finish.py',
                     'docs/site/layout.xml', 'docs/site/header.html',
                     'docs/site/footer.html', 'docs/site/site.css',
                     'docs/site/site.js'):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self.plant('.ci/run', '#!/bin/sh\ntrue\n')
        (self.root / 'tests').mkdir()
        for name in ('bench', 'notebooks'):
            self.plant(f'{name}/README.md', f'# {name}\n')

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self, name):
        """@returns whether the check passes, and what it prints."""
        done = subprocess.run(
            [HERE / name, self.root], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode == 0, done.stdout

    def passes(self, name):
        passed, printed = self.check(name)
        self.assertTrue(passed, printed)

    def finds(self, name, what):
        passed, printed = self.check(name)
        self.assertFalse(passed, 'found nothing')
        self.assertIn(what, printed)

    def test_format(self):
        self.passes('format.sh')
        self.plant('common/apple.cpp', 'int  f ( ) ;\n')
        self.finds('format.sh', 'common/apple.cpp:1')

    def test_tidy(self):
        self.plant('common/apple.cpp', '#include "common/apple.h"\n')
        self.plant('stages/01_a/store.cpp', '')
        self.passes('tidy.sh')
        self.plant('common/apple.cpp', 'int BadName() { return 1; }\n')
        self.finds('tidy.sh', "invalid case style for function 'BadName'")
        lines = '\n'.join(f'  x += {n};' for n in range(60))
        self.plant('common/apple.cpp',
                   f'int f(int x) {{\n{lines}\n  return x;\n}}\n')
        self.finds('tidy.sh', 'exceeds recommended size')
        self.plant('common/apple.h', HEADER.replace('colour_', 'colour'))
        self.plant('common/apple.cpp', '#include "common/apple.h"\n')
        self.finds('tidy.sh', 'common/apple.h')

    def test_layers(self):
        self.passes('layers.py')
        self.plant('stages/01_a/store.cpp', '#include "stages/02_b/store.h"\n')
        self.finds('layers.py', 'store.cpp:1: may not include')
        self.plant('stages/01_a/store.cpp', '#include "../02_b/store.h"\n')
        self.finds('layers.py', 'store.cpp:1: may not include')
        self.plant('stages/01_a/store.cpp', '#include "stages/registry.h"\n')
        self.finds('layers.py', 'store.cpp:1: may not include')
        self.plant('stages/01_a/store.cpp', '')
        self.plant('common/a.cpp', '#include "stages/01_a/store.h"\n')
        self.finds('layers.py', 'common/a.cpp:1: may not include')
        self.plant('common/a.cpp', '#include <stages/01_a/store.h>\n')
        self.finds('layers.py', 'common/a.cpp:1: may not include')

    def test_seam(self):
        self.plant('common/os/posix_os.cpp',
                   '#include <fcntl.h>\nint f() { return ::open("", 0); }\n')
        self.plant('common/cli/batch.cpp', '#include <fstream>\n')
        self.passes('seam.py')
        for offence in ('#include <unistd.h>', '#include <sys/stat.h>',
                        '#include <fstream>', 'int a = ::open("a", 0);',
                        'auto f = std::fopen("a", "r");',
                        'int b = ::rename("a", "b");'):
            self.plant('stages/02_b/store.cpp', offence + '\n')
            self.finds('seam.py', 'stages/02_b/store.cpp:1')
        self.plant('stages/02_b/store.cpp', '')
        self.plant('common/cli/batch.cpp', '#include <unistd.h>\n')
        self.finds('seam.py', 'common/cli/batch.cpp:1')

    def test_mutations(self):
        self.passes('mutations.py')
        self.plant('tests/a_test.cpp', 'TEST(Apple, IsGreen) {}\n')
        one = ('Apples are red\nfile: stages/01_a/store.cpp\n'
               '-  green();\n+  red();\nfails: *Apple.IsGreen/01*\n')
        self.plant('tests/mutations/mutations.txt', '# Bugs.\n\n' + one)
        self.plant('stages/01_a/store.cpp', 'a;\n  green();\nb;\n')
        self.passes('mutations.py')
        for text in ('a;\nb;\n', '  green();\n  green();\n',
                     '  green();  // b\n'):
            self.plant('stages/01_a/store.cpp', text)
            self.finds('mutations.py', 'mutations.txt:3: what goes out is')
        self.plant('stages/01_a/store.cpp', '  green();\n')
        self.plant('tests/a_test.cpp', '')
        self.finds('mutations.py', "there is no test '*Apple.IsGreen/01*'")

    def test_headers(self):
        self.passes('headers.sh')
        self.plant('common/pear.h', '#pragma once\nstd::string pear();\n')
        self.finds('headers.sh', 'common/pear.h does not compile alone')

    def test_links(self):
        self.passes('links.py')
        for text in ('[gone](stages/09_x/README.md)', '[up](#no-such-heading)',
                     '`./strata fly`', '`common/pear.h`'):
            self.plant('README.md', f'# Strata\n\n{text}\n')
            self.finds('links.py', 'README.md: ')

    def test_docs(self):
        page = '<!DOCTYPE html><title>One</title><a href="{}">a</a>'
        self.plant('build/docs/notebooks/one.html',
                   page.format('../../../stages/01_a/store.h'))
        self.plant('build/docs/notebooks/two.html', page.format('one.html'))
        self.passes('docs.sh')
        self.plant('build/docs/notebooks/two.html', page.format('three.html'))
        self.finds('docs.sh', 'notebooks/two.html')
        self.plant('build/docs/notebooks/two.html', page.format('one.html'))
        self.plant('common/apple.h', HEADER.replace(
            '  /// @returns its colour.\n', ''))
        self.finds('docs.sh', 'colour() const')
        self.plant('common/apple.h', HEADER)
        self.plant('README.md', '# Strata\n\n[gone](gone.md)\n')
        self.finds('docs.sh', 'index.html:')
        self.plant('README.md', '# Strata\n\n[up](#no-such-heading)\n')
        self.finds('docs.sh', 'there is no such anchor')

    def notebook(self, code, **more):
        cell = {'cell_type': 'code', 'execution_count': None, 'id': 'a',
                'metadata': {}, 'outputs': [], 'source': code.split('\n'), **more}
        self.plant('notebooks/a.ipynb', json.dumps(
            {'cells': [cell],
             'metadata': {'kernelspec': {'display_name': 'Python 3',
                                         'language': 'python',
                                         'name': 'python3'},
                          'language_info': {'name': 'python'}},
             'nbformat': 4, 'nbformat_minor': 5}, indent=1) + '\n')

    def test_notebooks(self):
        self.finds('notebooks.sh', 'there are no notebooks')
        self.notebook('import strata')
        self.passes('notebooks.sh')
        self.notebook('assert 1 == 2')
        self.finds('notebooks.sh', 'a.ipynb: ')
        self.notebook('1', execution_count=7)
        self.finds('notebooks.sh', 'cell 1 has outputs or an execution count')
        self.notebook('1', metadata={'collapsed': True})
        self.finds('notebooks.sh', 'what a session left')
        self.notebook('1', cell_type='markdown', source=['[gone](gone.md)'])
        self.finds('notebooks.sh', 'the link to gone.md leads nowhere')
        self.notebook('1')
        self.plant('notebooks/tests/test_a.py',
                   'import unittest\n\n\nclass A(unittest.TestCase):\n\n'
                   '    def test_a(self):\n        self.fail()\n')
        self.finds('notebooks.sh', 'FAILED')

    def test_scripts(self):
        self.passes('scripts.sh')
        self.plant('tests/a.sh', '#!/bin/bash\nrm $1\n')
        self.finds('scripts.sh', 'SC2086')


if __name__ == '__main__':
    unittest.main()
