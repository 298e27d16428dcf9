#!/usr/bin/env python3
"""Tests of bench/report/compare.py: what differs, what does not, and what is
no answer at all."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'bench/report'), str(pathlib.Path(__file__).parent)]
import compare  # noqa: E402
import made_up  # noqa: E402
import results  # noqa: E402
from made_up import entries, near  # noqa: E402


def compared(a, b, **context):
    return compare.compared(made_up.run(*a), made_up.run(*b, **context))


def verdict(a, b):
    """What is said of rounds `a` and `b` of one result."""
    found = compared([entries('get_hit', '07_bitcask', a)],
                     [entries('get_hit', '07_bitcask', b)])
    return found['rows'][0][-1]


class VerdictTest(unittest.TestCase):

    def test_rounds_that_overlap_are_noise(self):
        self.assertEqual(verdict([10, 11, 12], [12, 13, 14]), 'within the noise')
        self.assertEqual(verdict([10, 20, 90], [40, 50, 60]), 'within the noise')

    def test_rounds_apart_are_a_difference_with_its_direction(self):
        self.assertEqual(verdict([10, 11, 12], [21, 22, 23]), '2 times slower')
        self.assertEqual(verdict([21, 22, 23], [10, 11, 12]), '2 times faster')
        self.assertEqual(verdict([1000] * 3, [1050] * 3), '5.0 % slower')

    def test_one_round_tells_no_noise(self):
        self.assertEqual(verdict([10], [20, 21, 22]), 'noise unknown')

    def test_what_unchanged_code_does_is_drift(self):
        def run(stage, others):
            return [entries('get_hit', '07_bitcask', near(stage))] + [
                entries(f'get_{i}', 'lmdb', near(100 * factor),
                        label='peer, system')
                for i, factor in enumerate(others)]
        still = [1] * 6
        moved = [1.05, 1.1, 1.1, 1.15, 1.2, 1.25]
        found = compared(run(100, still), run(110, moved))
        self.assertEqual(found['rows'][0][-1], 'within the drift')
        found = compared(run(100, still), run(150, moved))
        self.assertEqual(found['rows'][0][-1], '1.5 times slower')
        found = compared(run(100, still), run(110, still))
        self.assertEqual(found['rows'][0][-1], '1.1 times slower')

    def test_tells_the_medians_their_spread_and_their_quotient(self):
        found = compared([entries('get_hit', '07_bitcask', [90, 100, 110])],
                         [entries('get_hit', '07_bitcask', [200, 150, 149])])
        self.assertEqual(
            [text.replace('\u00a0', ' ') for text in found['rows'][0]],
            ['get_hit/07_bitcask, keys 1,000, value 100', '100 ns ± 10 %',
             '150 ns ± 17 %', '1.50', '1.5 times slower'])


class DifferencesTest(unittest.TestCase):
    HIT = entries('get_hit', '07_bitcask', near(5))

    def test_lists_what_is_in_one_only(self):
        found = compared([self.HIT, entries('scan', 'lmdb', near(5))],
                         [self.HIT, entries('merge', '07_bitcask', near(5))])
        self.assertEqual(found['only'],
                         {'A': ['scan/lmdb, keys 1,000, value 100'],
                          'B': ['merge/07_bitcask, keys 1,000, value 100']})
        for text in (compare.as_text(found), compare.as_markdown(found)):
            self.assertIn('scan/lmdb', text)

    def test_warns_of_another_machine_build_size_and_of_quick(self):
        for context in ({'processor': 'Another'}, {'build_type': 'Debug'},
                        {'file_system': 'tmpfs'}, {'quick': 'true'},
                        {'compiler': 'Clang 14'}):
            found = compared([self.HIT], [self.HIT], **context)
            self.assertEqual(len(found['warnings']), 1, context)
            self.assertIn(f'WARNING: {found["warnings"][0]}',
                          compare.as_text(found))
        self.assertEqual(compared([self.HIT], [self.HIT])['warnings'], [])
        found = compared([self.HIT], [self.HIT, entries('scan', 'a', [1], n=7)])
        self.assertEqual(found['warnings'], ['n differs: A 1,000, B 7 and 1,000'])

    def test_an_error_is_told_and_not_compared(self):
        found = compared([self.HIT, entries('scan', 'a', near(5))],
                         [self.HIT, made_up.failed('scan', 'a', 'fell over')])
        self.assertEqual(len(found['rows']), 1)
        self.assertIn('fell over', found['warnings'][0])

    def test_nothing_in_common_is_bad_input(self):
        with self.assertRaises(results.BadResults):
            compared([self.HIT], [entries('scan', 'a', [1])])


class ProgramTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.good = self.write('good.json', made_up.document(
            entries('get_hit', '07_bitcask', near(5))))

    def write(self, name, text):
        path = self.root / name
        path.write_text(text)
        return path

    def compare(self, *arguments):
        return subprocess.run(
            [sys.executable, '-B', ROOT / 'bench/report/compare.py', *arguments],
            capture_output=True, text=True, check=False)

    def test_ends_with_0_whatever_differs(self):
        slow = self.write('slow.json', made_up.document(
            entries('get_hit', '07_bitcask', near(50))))
        done = self.compare(self.good, slow)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertIn('10 times slower', done.stdout)
        done = self.compare('--markdown', self.good, slow)
        self.assertIn('| get_hit/07_bitcask', done.stdout)

    def test_ends_with_2_and_says_why(self):
        for text, why in (('', 'is not JSON'), ('not json', 'is not JSON'),
                          ('{"a": 1}', 'not results of Google Benchmark'),
                          ('{"benchmarks": []}', 'holds no results'),
                          (made_up.document(entries('scan', 'a', [1])),
                           'no result in common')):
            done = self.compare(self.good, self.write('bad.json', text))
            self.assertEqual((done.returncode, done.stdout), (2, ''), text)
            self.assertIn(why, done.stderr)
        done = self.compare(self.good, self.root / 'gone.json')
        self.assertEqual(done.returncode, 2)
        self.assertIn('gone.json: No such file', done.stderr)


if __name__ == '__main__':
    unittest.main()
