#!/usr/bin/env python3
"""Tests of docs/tools/chapters.py: what it must catch, and what it fills in."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

CHECKS = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(CHECKS.parents[1] / 'docs' / 'tools'))
import chapters  # noqa: E402
import runs  # noqa: E402
import picture_of_costs  # noqa: E402
import pictures  # noqa: E402
import runs  # noqa: E402
import svg  # noqa: E402
import tables  # noqa: E402

SOURCE = '''\
namespace fruit {

constexpr int kSeeds[] = {
    1, 2, 3};

// How sour.
enum class Taste { kSweet, kSour };

class Apple {
 public:
  /// Eats "}" all.
  [[nodiscard]] int
  eat(int bites) const {
    return bites;
  }

  struct Core {
    int seeds = 5;
  };
};

/// Declared first.
int slice(int apples);

Apple::Apple(int weight)
    : weight_(weight), taste_{Taste::kSour} {
  grow();
}

int Apple::peel(
    int strips) {
  const char* brace = "{";
  return slice(strips);
}

int slice(int apples) { return apples * 8; }

void pick() {}

void pick(int) {}

}  // namespace fruit
'''


TESTS = '''\
TEST(Orchard, ATreeStays) {
  EXPECT_TRUE(true);
}

// Long.
TEST_P(AppleMuseum,
       AnApple65Falls) {
  fall();
}

TEST_F(PearMuseum, APearFalls) {}
'''

MUTATIONS = '''\
# What this is.

# ---- Trees

01 fells a tree (orchard#12)
file: stages/01_tree/a.cpp
-  keep();
+  fell();
fails: Orchard.ATreeStays

02 fells a tree (orchard#12)
file: stages/02_tree/b_c.cpp
-  keep();
+  fell();
fails: Orchard.ATreeStays:*Museum.*Falls/02*

# ---- Fruit

A line | with <signs> (leveldb#5, some/thing 0123abc, Eve 2018)
file: common/fruit.cpp
-  a
+  b
fails: *PearMuseum.*
'''

# Stage 04 in a few lines; VSZ is what its dump says of the value's size.
PROGRAM = '''\
#!/usr/bin/env python3
import pathlib, struct, sys, zlib
log = pathlib.Path(sys.argv[2]) / 'log.bin'
command, *words = sys.argv[3:]
if command == 'set':
    key, value = (word.encode() for word in words)
    body = struct.pack('>IHI', 7, len(key), len(value)) + key + value
    log.parent.mkdir()
    log.write_bytes(struct.pack('>I', zlib.crc32(body)) + body)
else:
    data = log.read_bytes()
    print('log.bin', 0, len(data), 'live', 'crc=' + data[:4].hex(),
          'tstamp=7', 'ksz=%d' % data[9], 'vsz=VSZ', 'key=' + 'k', 'value=v',
          sep='\\t')
'''


class ProjectTest(unittest.TestCase):
    """A project in a directory of its own, with one chapter."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.addCleanup(setattr, chapters, 'ROOT', chapters.ROOT)
        chapters.ROOT = self.root
        (self.root / 'apple.cpp').write_text(SOURCE)

    def settle(self, text, write=False, refresh=False):
        """@returns what was printed, and the chapter afterwards."""
        chapter = self.root / 'README.md'
        chapter.write_text(text)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.wrong = chapters.Chapter(
                chapter, write, refresh, self.root).settle()
        return printed.getvalue(), chapter.read_text()


class ChaptersTest(ProjectTest):

    def code(self, symbols):
        """What a listing of the symbols holds."""
        _, text = self.settle(
            f'<!-- code: apple.cpp {symbols} -->\n```cpp\n```\n', write=True)
        return text.split('```cpp\n')[1].removesuffix('```\n')

    def run_block(self, block, how='run'):
        """What a run block becomes."""
        _, text = self.settle(
            f'<!-- {how} -->\n```console\n{block}```\n', write=True)
        return text.split('```console\n')[1].removesuffix('```\n')

    def test_finds_a_function_with_its_whole_head(self):
        self.assertEqual(
            self.code('Apple::peel'),
            'int Apple::peel(\n    int strips) {\n'
            '  const char* brace = "{";\n  return slice(strips);\n}\n')

    def test_finds_a_constructor_with_its_initialisers(self):
        self.assertEqual(
            self.code('Apple::Apple'),
            'Apple::Apple(int weight)\n'
            '    : weight_(weight), taste_{Taste::kSour} {\n  grow();\n}\n')

    def test_prefers_the_definition_to_the_declaration(self):
        self.assertEqual(self.code('slice'),
                         'int slice(int apples) { return apples * 8; }\n')

    def test_finds_types_constants_and_members(self):
        self.assertEqual(self.code('Taste'),
                         'enum class Taste { kSweet, kSour };\n')
        self.assertEqual(self.code('kSeeds'),
                         'constexpr int kSeeds[] = {\n    1, 2, 3};\n')
        self.assertEqual(
            self.code('Apple::eat'),
            '[[nodiscard]] int\neat(int bites) const {\n  return bites;\n}\n')
        self.assertEqual(self.code('Apple::Core'),
                         'struct Core {\n  int seeds = 5;\n};\n')

    def test_brings_comments_where_asked(self):
        self.assertEqual(self.code('Taste with comments'),
                         '// How sour.\nenum class Taste { kSweet, kSour };\n')

    def test_several_symbols_stand_apart(self):
        self.assertEqual(
            self.code('pick#1 pick#2'), 'void pick() {}\n\nvoid pick(int) {}\n')

    def test_an_overloaded_name_alone_is_refused(self):
        printed, _ = self.settle(
            '<!-- code: apple.cpp pick -->\n```cpp\n```\n')
        self.assertIn('2 times', printed)
        self.assertEqual(self.wrong, 1)

    def test_an_edited_listing_fails_and_is_mended(self):
        true = ('<!-- code: apple.cpp slice -->\n```cpp\n'
                'int slice(int apples) { return apples * 8; }\n```\n')
        self.settle(true)
        self.assertEqual(self.wrong, 0)
        printed, after = self.settle(true.replace('8', '9'))
        self.assertEqual(self.wrong, 1)
        self.assertIn('-int slice(int apples) { return apples * 9; }', printed)
        self.assertIn('* 9', after)
        _, after = self.settle(true.replace('8', '9'), write=True)
        self.assertEqual(after, true)

    def test_a_renamed_function_fails(self):
        printed, _ = self.settle(
            '<!-- code: apple.cpp cut -->\n```cpp\nint cut();\n```\n')
        self.assertIn('defines no cut', printed)
        self.assertEqual(self.wrong, 1)

    def test_a_missing_file_fails(self):
        printed, _ = self.settle('<!-- code: pear.cpp -->\n```cpp\n```\n')
        self.assertIn('cannot read pear.cpp', printed)

    def test_an_unknown_directive_fails(self):
        for directive in ('<!-- cod: apple.cpp -->', '<!-- run: maybe -->',
                          '<!-- what is this -->'):
            self.settle(f'{directive}\n```cpp\n$ true\n```\n')
            self.assertEqual(self.wrong, 1, directive)
        for directive in ('<!-- tabel: museum -->', '<!-- Code: a b -->'):
            self.settle(f'{directive}\n\n| a |\n|---|\n')
            self.assertEqual(self.wrong, 1, directive)

    def test_a_directive_without_a_block_fails(self):
        printed, _ = self.settle('<!-- run -->\n\n```console\n$ true\n```\n')
        self.assertIn('no fenced block follows directly', printed)

    def test_a_block_or_picture_without_a_directive_fails(self):
        for block in ('```cpp\nint a;\n```', '```console\n$ true\n```',
                      '```diff\n+a\n```', '![A](pictures/record.svg)'):
            printed, _ = self.settle(f'words\n\n{block}\n\nwords\n')
            self.assertEqual(self.wrong, 1, block)
            self.assertIn('no directive', printed)

    def test_a_block_without_an_end_fails_and_loses_nothing(self):
        text = '<!-- run -->\n```console\n$ echo a\n\n## More\n'
        printed, after = self.settle(text, write=True)
        self.assertIn('does not end', printed)
        self.assertEqual(after, text)

    def test_behind_a_command_that_hangs_nothing_is_run_or_written(self):
        block = '<!-- run -->\n```console\n$ {}\n```\n'
        text = block.format('sleep 9; echo a') + block.format('echo b')
        with unittest.mock.patch.object(runs, 'TIMEOUT_SECONDS', 0.5):
            printed, after = self.settle(text, write=True)
        self.assertEqual(self.wrong, 2)
        self.assertIn('the session has ended', printed)
        self.assertEqual(after, text)

    def test_a_command_that_ends_the_session_is_told_of(self):
        block = '<!-- run -->\n```console\n$ {}\n```\n'
        self.settle(block.format('exit 3') + block.format('echo b'))
        self.assertEqual(self.wrong, 2)

    def test_other_blocks_and_comments_are_left_alone(self):
        text = '<!-- a note -->\n\n```sh\nrm\n```\n'
        self.assertEqual(self.settle(text, write=True), ('', text))
        self.assertEqual(self.wrong, 0)

    def test_commands_share_a_session_and_show_both_streams(self):
        self.assertEqual(
            self.run_block('$ x=5; ls\n$ echo $x; echo e >&2\n$ (exit 3)\n'
                           '$ echo $?\n'),
            '$ x=5; ls\n$ echo $x; echo e >&2\n5\ne\n$ (exit 3)\n'
            '$ echo $?\n3\n')

    def test_blocks_of_one_chapter_share_a_session(self):
        block = '<!-- run -->\n```console\n{}\n```\n'
        self.settle(block.format('$ y=7') + block.format('$ echo $y\n7'))
        self.assertEqual(self.wrong, 0)

    def test_a_command_goes_on_in_the_next_line(self):
        self.assertEqual(self.run_block('$ echo a \\\n  b\n'),
                         '$ echo a \\\n  b\na b\n')
        self.assertEqual(self.run_block('$ f() {\n>   echo in\n> }\n$ f\n'),
                         '$ f() {\n>   echo in\n> }\n$ f\nin\n')

    def test_a_changed_output_fails(self):
        printed, _ = self.settle(
            '<!-- run -->\n```console\n$ echo new\nold\n```\n')
        self.assertEqual(self.wrong, 1)
        self.assertIn('-old\n+new', printed)

    def test_unchecked_output_may_differ(self):
        block = '<!-- run: unchecked -->\n```console\n$ echo new\nold\n```\n'
        self.settle(block)
        self.assertEqual(self.wrong, 0)
        self.assertIn('old', self.settle(block, write=True)[1])
        self.assertIn('\nnew\n', self.settle(block, write=True, refresh=True)[1])

    def test_masked_output_is_compared_after_the_mask(self):
        how = "run: mask 's/[0-9]+ s/… s/'"
        self.assertEqual(self.run_block('$ echo took 12 s\n', how),
                         '$ echo took 12 s\ntook … s\n')
        self.settle(f'<!-- {how} -->\n```console\n$ echo took 9 m\n'
                    'took … s\n```\n')
        self.assertEqual(self.wrong, 1)

    def test_a_command_that_hangs_fails_the_chapter(self):
        self.addCleanup(setattr, runs, 'TIMEOUT_SECONDS',
                        runs.TIMEOUT_SECONDS)
        runs.TIMEOUT_SECONDS = 0.2
        printed, _ = self.settle(
            '<!-- run -->\n```console\n$ read -r x < <(tail -f /dev/null)\n'
            '```\n')
        self.assertIn('took more than', printed)
        self.assertEqual(self.wrong, 1)

    def test_shows_how_two_files_differ(self):
        (self.root / 'pear.cpp').write_text(SOURCE.replace('* 8', '* 6'))
        _, text = self.settle(
            '<!-- diff: apple.cpp pear.cpp slice -->\n```diff\n```\n',
            write=True)
        self.assertIn('-int slice(int apples) { return apples * 8; }\n'
                      '+int slice(int apples) { return apples * 6; }\n', text)

    def diff(self, pear, symbols):
        """How the file differs from apple.cpp."""
        (self.root / 'pear.cpp').write_text(pear)
        _, text = self.settle(
            f'<!-- diff: apple.cpp pear.cpp {symbols} -->\n```diff\n```\n',
            write=True)
        return text.split('```diff\n')[1].removesuffix('```\n')

    def test_shows_how_two_functions_of_different_names_differ(self):
        self.assertEqual(
            self.diff(SOURCE, 'pick#1 pick#2'),
            '--- apple.cpp: pick#1\n+++ pear.cpp: pick#2\n'
            '-void pick() {}\n+void pick(int) {}\n')

    def test_a_diff_is_not_about_the_name_of_a_class(self):
        pear = SOURCE.replace('Apple', 'Pear').replace('"{"', '"}"')
        self.assertEqual(
            self.diff(pear, 'Apple::peel Pear::peel'),
            '--- apple.cpp: Apple::peel\n+++ pear.cpp: Pear::peel\n'
            ' int Pear::peel(\n     int strips) {\n'
            '-  const char* brace = "{";\n+  const char* brace = "}";\n'
            '   return slice(strips);\n }\n')

    def test_a_diff_names_what_its_files_do_not_share(self):
        for folder in ('trees/old', 'trees/new'):
            (self.root / folder).mkdir(parents=True)
            (self.root / folder / 'a.cpp').write_text(f'int {folder[6:]};\n')
        _, text = self.settle(
            '<!-- diff: trees/old/a.cpp trees/new/a.cpp -->\n```diff\n```\n',
            write=True)
        self.assertIn('--- old/a.cpp\n+++ new/a.cpp\n-int old;\n', text)

    def test_a_diff_leaves_out_what_is_far_from_a_change(self):
        body = ''.join(f'  step({i});\n' for i in range(20))
        (self.root / 'apple.cpp').write_text(f'void f() {{\n{body}}}\n')
        self.assertEqual(
            self.diff(f'void f() {{\n  first();\n{body}  last();\n}}\n', 'f'),
            '--- apple.cpp: f\n+++ pear.cpp: f\n void f() {\n+  first();\n'
            '   step(0);\n   step(1);\n   step(2);\n …\n'
            '   step(17);\n   step(18);\n   step(19);\n+  last();\n }\n')

    def test_a_diff_takes_no_brace_alone_for_what_has_stayed(self):
        (self.root / 'apple.cpp').write_text(
            'void f() {\n  if (a) {\n    b();\n  }\n  c();\n}\n')
        self.assertEqual(
            self.diff('void f() {\n  while (d) {\n    e();\n  }\n  g();\n}\n',
                      'f').split('\n', 2)[2],
            ' void f() {\n-  if (a) {\n-    b();\n-  }\n-  c();\n'
            '+  while (d) {\n+    e();\n+  }\n+  g();\n }\n')

    def test_a_diff_of_more_than_two_names_is_refused(self):
        self.settle('<!-- diff: apple.cpp apple.cpp a b c -->\n```\n```\n')
        self.assertEqual(self.wrong, 1)

    def test_finds_a_test_by_its_suite_and_name(self):
        (self.root / 'apple.cpp').write_text(TESTS)
        self.assertEqual(self.code('Orchard.ATreeStays'),
                         'TEST(Orchard, ATreeStays) {\n'
                         '  EXPECT_TRUE(true);\n}\n')
        self.assertEqual(self.code('AppleMuseum.AnApple65Falls with comments'),
                         '// Long.\nTEST_P(AppleMuseum,\n'
                         '       AnApple65Falls) {\n  fall();\n}\n')
        printed, _ = self.settle(
            '<!-- code: apple.cpp Orchard.ATreeFalls -->\n```cpp\n```\n')
        self.assertIn('defines no Orchard.ATreeFalls', printed)


class TablesTest(ProjectTest):
    """Of a project that has mutations and tests."""

    def setUp(self):
        super().setUp()
        folder = self.root / 'tests/mutations'
        folder.mkdir(parents=True)
        (self.root / 'tests/orchard_test.cpp').write_text(TESTS)
        (folder / 'mutations.txt').write_text(MUTATIONS)
        reader = CHECKS.parent / 'mutations/mutations.py'
        (folder / 'mutations.py').write_text(reader.read_text())

    def table(self, what, rows='', write=True):
        printed, text = self.settle(
            f'<!-- table: {what} -->\n{rows}\nMore.\n', write)
        self.assertTrue(text.endswith('\n\nMore.\n'))
        return printed, text.split('\n')[1:-3]

    def test_fills_the_table_of_the_museum(self):
        _, rows = self.table('museum "Trees"')
        self.assertEqual(rows, [
            '| the bug | stage | found by | put back in |',
            '| --- | --- | --- | --- |',
            '| Fells a tree (orchard#12) | 01, 02 | '
            '[A tree stays](tests/orchard_test.cpp); '
            '[An apple 65 falls](tests/orchard_test.cpp); '
            '[A pear falls](tests/orchard_test.cpp) | '
            '[`01/a.cpp`](stages/01_tree/a.cpp), '
            '[`02/b_c.cpp`](stages/02_tree/b_c.cpp) |'])

    def test_signs_mean_nothing_in_a_table_and_sources_are_linked(self):
        _, rows = self.table('museum Fruit')
        self.assertEqual(
            rows[2], '| A line \\| with \\<signs> '
            '([leveldb#5](https://github.com/google/leveldb/issues/5), '
            '[some/thing 0123abc](https://github.com/some/thing/commit/0123abc)'
            ', Eve 2018) | shared | '
            '[all of `PearMuseum`](tests/orchard_test.cpp) | '
            '[`fruit.cpp`](common/fruit.cpp) |')

    def test_without_a_heading_all_bugs_are_told(self):
        self.assertEqual(len(self.table('museum')[1]), 4)

    def test_a_true_table_passes_and_an_edited_one_fails(self):
        _, rows = self.table('museum Fruit')
        text = '\n'.join(rows) + '\n'
        self.table('museum Fruit', text, write=False)
        self.assertEqual(self.wrong, 0)
        printed, _ = self.table(
            'museum Fruit', text.replace('shared', '03'), write=False)
        self.assertEqual(self.wrong, 1)
        self.assertIn('+| A line', printed)
        self.assertEqual(
            self.table('museum Fruit', text + '| more |\n')[1], rows)

    def test_a_bug_whose_test_is_gone_fails(self):
        (self.root / 'tests/orchard_test.cpp').write_text('')
        self.assertIn('there is no test Orchard.ATreeStays',
                      self.table('museum')[0])
        self.assertEqual(self.wrong, 1)

    def test_an_unknown_table_or_heading_fails(self):
        for what in ('museum Nuts', 'museum Trees Fruit', 'musem', '"'):
            self.table(what)
            self.assertEqual(self.wrong, 1, what)

    def test_names_of_tests_are_sentences(self):
        self.assertEqual(tables.in_words('AKeyOf65536BytesIsRefused'),
                         'A key of 65536 bytes is refused')


class PicturesTest(ProjectTest):
    """Of a program that appends a record."""

    def setUp(self):
        super().setUp()
        pictures.picture.cache_clear()
        self.program('4')
        self.image = '![A record](pictures/record.svg)\n'
        self.file = self.root / 'pictures/record.svg'

    def program(self, value_size):
        program = self.root / 'stage'
        program.write_text(PROGRAM.replace('VSZ', value_size))
        program.chmod(0o755)

    def picture(self, what='record stage city Rome', image=None, write=False):
        return self.settle(f'<!-- picture: {what} -->\n'
                           + (self.image if image is None else image), write)

    def test_draws_a_record_and_finds_it_the_same_again(self):
        _, text = self.picture(write=True)
        self.assertTrue(text.endswith(self.image))
        drawn = self.file.read_text()
        for part in ('<title>The record of city = Rome', '<desc>22 bytes',
                     '>ksz<', '>63<', '>R<', 'prefers-color-scheme: dark'):
            self.assertIn(part, drawn)
        pictures.picture.cache_clear()
        self.assertEqual(self.picture()[0], '')
        self.assertEqual(self.wrong, 0)

    def test_a_picture_is_valid_xml(self):
        drawing = svg.Picture('<a>', '&')
        drawing.text(1, 2.25, '<b> & c')
        drawing.box(0, 0, 1, 1, 'blue', True)
        root = xml.etree.ElementTree.fromstring(drawing.svg(10))
        self.assertEqual(root[0].text, '<a>')
        self.assertEqual([e.text for e in root if e.tag.endswith('text')],
                         ['<b> & c'])

    def test_a_missing_or_changed_picture_fails_and_is_drawn(self):
        for spoil in (lambda: None,
                      lambda: self.file.write_text('<svg/>\n')):
            spoil()
            printed, _ = self.picture()
            self.assertEqual(self.wrong, 1)
            self.assertIn('pictures/record.svg is no longer true', printed)
            self.picture(write=True)
            self.assertEqual(self.wrong, 0)
            self.assertIn('city = Rome', self.file.read_text())

    def test_a_directive_without_its_image_fails(self):
        for image in ('', '\n' + self.image, '![](pictures/record.svg)\n',
                      '![A record](pictures/merge.svg)\n',
                      '![A record](pictures/record.png)\n'):
            self.picture(image=image, write=True)
            self.assertGreater(self.wrong, 0, image)
        self.assertFalse(self.file.exists())

    def test_an_unknown_picture_and_wrong_arguments_fail(self):
        for what in ('recrod stage city Rome', 'record stage', 'record nowhere '
                     'city Rome', 'record stage city "Rome and many more"'):
            name = what.split()[0]
            self.picture(what, f'![A record](pictures/{name}.svg)\n', True)
            self.assertEqual(self.wrong, 1, what)

    def test_a_record_that_dump_reads_otherwise_fails(self):
        self.program('5')
        self.assertIn('dump says vsz=5, the bytes are 4', self.picture()[0])

    def test_a_ledger_gives_the_reads_with_their_reasons(self):
        self.assertEqual(
            picture_of_costs.reads('open     a/log.txt  read the log\n'
                           'read     a/log.txt  offset 0  1,024 bytes  look\n'
                           'total: 1 open, 1 read (1,024 bytes)\n'),
            [(1024, 'look')])


if __name__ == '__main__':
    unittest.main()
