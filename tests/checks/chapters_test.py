#!/usr/bin/env python3
"""Tests of docs/tools/chapters.py: what it must catch, and what it fills in."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(
    0, str(pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'tools'))
import chapters  # noqa: E402

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


class ChaptersTest(unittest.TestCase):

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
            self.wrong = chapters.settle(chapter, write, refresh, '/nowhere')
        return printed.getvalue(), chapter.read_text()

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

    def test_a_directive_without_a_block_fails(self):
        self.settle('<!-- run -->\n\n```console\n$ true\n```\n')
        self.assertEqual(self.wrong, 1)

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
        self.addCleanup(setattr, chapters, 'TIMEOUT_SECONDS',
                        chapters.TIMEOUT_SECONDS)
        chapters.TIMEOUT_SECONDS = 0.2
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

    def test_shows_how_two_functions_of_different_names_differ(self):
        _, text = self.settle(
            '<!-- diff: apple.cpp apple.cpp pick#1 pick#2 -->\n```diff\n```\n',
            write=True)
        self.assertIn('-void pick() {}\n+void pick(int) {}\n', text)


if __name__ == '__main__':
    unittest.main()
