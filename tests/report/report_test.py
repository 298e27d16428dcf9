#!/usr/bin/env python3
"""Tests of bench/report: what is computed, and that the words follow it."""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'bench/report'), str(pathlib.Path(__file__).parent)]
import charts  # noqa: E402
import made_up  # noqa: E402
import markdown  # noqa: E402
import model  # noqa: E402
import page  # noqa: E402
import results  # noqa: E402
import terminal  # noqa: E402
import words  # noqa: E402
from made_up import entries, near  # noqa: E402

PEER, LIMIT = 'peer, system', 'limit, system'
NOWHERE = pathlib.Path('/nonexistent')


def section(report, name):
    return next((one for one in report['sections'] if one['id'] == name), None)


def chart(report, name):
    return next((one for each in report['sections'] for one in each['charts']
                 if one['id'] == name), None)


def row(table, subject):
    return next(cells for cells in table['rows'] if cells[0]['text'] == subject)


def texts(value):
    """All texts anywhere in a model."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


class ReadingTest(unittest.TestCase):

    def one(self, *groups):
        return made_up.run(*groups).results[0]

    def test_takes_the_median_and_the_range_of_the_rounds(self):
        one = self.one(entries('get_hit', '04_keydir', [9, 1, 5, 4, 6]))
        self.assertEqual((one.ns, one.low, one.high), (5, 1, 9))
        self.assertEqual(one.spread, 8 / 5)

    def test_knows_what_the_name_and_the_label_say(self):
        one = self.one(entries('get_hit', 'lmdb', [1], n=7, value=8,
                               label='peer, process'))
        self.assertEqual((one.workload, one.subject, one.n, one.value),
                         ('get_hit', 'lmdb', 7, 8))
        self.assertEqual((one.kind, one.durability), ('peer', 'process'))

    def test_a_number_of_another_name_is_the_size(self):
        one = self.one(entries('miss', '05_segments', [1],
                               sizes='n:100/segments:16'))
        self.assertEqual((one.subject, one.n, one.counts, one.more),
                         ('05_segments', 16, 'segments', (('n', 100),)))
        one = self.one(entries('whole_file', 'grep', [1], sizes='mib:8'))
        self.assertEqual((one.subject, one.n, one.counts), ('grep', 8, 'mib'))

    def test_knows_all_units(self):
        for unit, factor in (('ns', 1), ('us', 1e3), ('ms', 1e6), ('s', 1e9)):
            self.assertEqual(self.one(entries('a', 'b', [2], unit=unit)).ns,
                             2 * factor)

    def test_takes_the_told_median_where_no_rounds_were_kept(self):
        kept = [one for one in entries('a', 'b', [1, 2, 3], probes_per_op=4)
                if one['run_type'] == 'aggregate']
        one = self.one(kept)
        self.assertEqual((one.ns, one.rounds, one.spread), (2, [], None))
        self.assertEqual(one.counters, {'probes_per_op': 4})

    def test_a_round_with_an_error_is_an_error(self):
        bad = entries('a', 'b', [1, 2, 3])
        bad[1].update(error_occurred=True, error_message='disk full')
        one = self.one(bad)
        self.assertEqual((one.ns, one.error), (None, 'disk full'))

    def test_no_time_is_an_error_and_not_zero(self):
        for time in (0, -1, math.nan, 'fast', None):
            one = self.one(entries('a', 'b', [1]) and [
                {**entries('a', 'b', [1])[0], 'real_time': time}])
            self.assertIsNone(one.ns)
            self.assertTrue(one.error)

    def test_a_number_beyond_all_bounds_is_none(self):
        one = self.one(entries('a', 'b', [2.0], reads_per_op=10 ** 400))
        self.assertEqual((one.ns, one.counters), (2.0, {}))

    def test_reads_foreign_benchmarks(self):
        run = results.from_json(json.dumps({'benchmarks': [
            {'name': 'BM_copy/8/64', 'real_time': 3.0, 'time_unit': 'us'},
            {'name': 'BM_copy/8/64/threads:2', 'real_time': 2.0},
            {'name': 'BM_copy', 'real_time': 1}]}))
        self.assertEqual([one.ns for one in run.results], [3000, 2, 1])
        self.assertEqual(len({one.key for one in run.results}), 3)
        self.assertTrue(section(model.build(run), 'others'))

    def test_refuses_what_is_not_results(self):
        for text in ('', '{', '[]', '3', '{"benchmarks": 3}',
                     '{"benchmarks": []}', '{"benchmarks": [{}, 3]}',
                     '[' * 100000):
            with self.assertRaises(results.BadResults, msg=text[:20]):
                results.from_json(text)


class WordsTest(unittest.TestCase):

    def test_writes_numbers_with_three_digits(self):
        for ns, text in ((0, '0 ns'), (0.05, '0.05 ns'), (1, '1 ns'),
                         (36.26, '36.3 ns'), (426.3, '426 ns'),
                         (999.6, '1.00 µs'), (1234.5, '1.23 µs'),
                         (98.76e6, '98.8 ms'), (3.2e9, '3.20 s'),
                         (5e12, '5,000 s')):
            self.assertEqual(words.duration(ns).replace('\u00a0', ' '), text)
        self.assertEqual(words.ratio(1.148), '1.15')
        self.assertEqual(words.ratio(0.00004), '< 0.001')
        self.assertEqual(words.times(97.6), '98')
        self.assertEqual(words.listing(['a', 'b', 'c']), 'a, b and c')

    def test_ticks_lie_within_the_axis_and_are_enough(self):
        for low, high in ((1, 1e6), (30, 40), (400, 700), (90, 120000), (5, 5)):
            axis = charts.log_axis('', [low, high], 'ns')
            ticks = [tick for tick, _ in axis['ticks']]
            self.assertGreaterEqual(len(ticks), 1, (low, high))
            self.assertLess(len(ticks), 16)
            for tick in ticks:
                self.assertTrue(axis['domain'][0] <= tick <= axis['domain'][1])
            self.assertTrue(axis['domain'][0] < low <= high < axis['domain'][1])

    def test_zero_has_a_place_on_a_logarithmic_axis(self):
        axis = charts.log_axis('', [0, 100], 'bytes')
        self.assertEqual(axis['ticks'][0], [axis['zero'], '0'])
        self.assertTrue(axis['domain'][0] < axis['zero'] < 100)


class GrowthTest(unittest.TestCase):

    def sentence(self, **by_stage):
        """What is said of stages that took so long with 1,000 and 100,000."""
        groups = [entries('get_miss', stage, near(ns), n=n)
                  for stage, two in by_stage.items()
                  for n, ns in zip((1000, 100000), two)]
        return chart(model.build(made_up.run(*groups)),
                     'growth-get_miss')['sentence']

    def test_tells_who_grows_and_who_does_not(self):
        said = self.sentence(s01_scan_log=(10, 980), s04_keydir=(30, 39))
        self.assertIn('With 100 times the keys, a miss took 98 times as long in '
                      's01_scan_log: in step with the keys.', said)
        self.assertIn('it took 1.3 times as long in s04_keydir: it hardly '
                      'depends on them.', said)

    def test_turns_when_the_numbers_turn(self):
        said = self.sentence(s01_scan_log=(30, 39), s04_keydir=(10, 980))
        self.assertIn('98 times as long in s04_keydir: in step', said)
        self.assertIn('1.3 times as long in s01_scan_log: it hardly', said)

    def test_knows_more_than_two_ways_to_grow(self):
        self.assertIn('it grows, but less than the keys',
                      self.sentence(s01_scan_log=(10, 100)))
        self.assertIn('it falls', self.sentence(s01_scan_log=(1000, 10)))

    def test_says_when_there_is_one_size_only(self):
        report = model.build(made_up.run(
            entries('get_miss', '01_scan_log', near(5))))
        self.assertIn('how it grows cannot be told',
                      chart(report, 'growth-get_miss')['sentence'])

    def test_grows_with_what_the_size_counts(self):
        report = model.build(made_up.run(
            entries('get_hit', '05_segments', near(9)),
            *(entries('miss_in_segments', '05_segments', near(ns),
                      sizes=f'n:100/segments:{n}', probes_per_op=n)
              for n, ns in ((1, 10), (16, 150)))))
        drawn = chart(report, 'growth-miss_in_segments')
        self.assertIn('With 16 times the segments, a miss took 15 times as long '
                      'in 05_segments: in step with the segments. Indexes '
                      'asked at the largest size: 16 in 05_segments.',
                      drawn['sentence'])
        self.assertEqual(drawn['x']['label'], 'segments')
        self.assertEqual(drawn['x']['ticks'], [[1, '1'], [16, '16']])

    def test_draws_every_size(self):
        report = model.build(made_up.run(
            *(entries('get_hit', '01_scan_log', near(n), n=n)
              for n in (1000, 10000, 100000))))
        points = chart(report, 'growth-get_hit')['series'][0]['points']
        self.assertEqual([(one['x'], round(one['y'])) for one in points],
                         [(1000, 1000), (10000, 10000), (100000, 100000)])


class ContestTest(unittest.TestCase):

    def report(self, *groups, **context):
        return model.build(made_up.run(*groups, **context))

    def sentence(self, stage, peer, limit=None):
        groups = [entries('get_hit', '07_bitcask', stage),
                  entries('get_hit', 'leveldb', peer, label=PEER)]
        if limit:
            groups.append(entries('get_hit', 'limit_io', limit, label=LIMIT))
        return chart(self.report(*groups), 'rows-get_hit')['sentence']

    def test_tells_the_fastest_and_how_others_stand_to_it(self):
        said = self.sentence(near(1000), near(2000), near(750))
        self.assertIn('07_bitcask takes 1.3 times as long as limit_io', said)
        self.assertIn('is 2 times as fast as leveldb', said)

    def test_turns_when_the_numbers_turn(self):
        said = self.sentence(near(2000), near(1000), near(2667))
        self.assertIn('07_bitcask is 1.3 times as fast as limit_io', said)
        self.assertIn('takes 2 times as long as leveldb', said)

    def test_a_difference_within_the_rounds_is_none(self):
        said = self.sentence([10, 20, 30], [15, 25, 35])
        self.assertIn('does not differ from leveldb beyond the spread', said)
        self.assertNotIn('times as', said)

    def test_one_round_tells_of_no_chance(self):
        self.assertIn('Each of one round', self.sentence([10.0], [15.0]))
        self.assertNotIn('one round', self.sentence(near(10), near(15)))

    def test_names_rounds_that_lie_far_apart(self):
        self.assertIn('The rounds of leveldb lie 100 % of their median apart',
                      self.sentence(near(10), [10, 20, 30]))

    def test_tools_are_told_as_tools(self):
        report = self.report(
            entries('get_hit', '01_scan_log', near(3)),
            *(entries('whole_file', name, near(ns), sizes='mib:8', label=label)
              for name, ns, label in (
                  ('01_scan_log', 100, 'stage, system'),
                  ('grep', 300, 'tool, system'),
                  ('getline', 200, 'tool, system'))))
        self.assertEqual(
            chart(report, 'rows-whole_file')['sentence'].replace('\u00a0', ' '),
            'With 8 MiB, searching a whole log took 100 ns in 01_scan_log. '
            '01_scan_log is faster than all 2 tools and is 2 times as fast as '
            'getline, the fastest of them.')

    def test_a_workload_with_values_of_its_own_size_is_not_lost(self):
        report = self.report(
            *(entries('get_hit', f'0{i}_x', near(3)) for i in (1, 2, 3)),
            entries('ycsb_a', '07_bitcask', near(5), value=1000))
        self.assertTrue(chart(report, 'rows-ycsb_a'))

    def test_only_equals_stand_beside_each_other(self):
        report = self.report(
            entries('fill_random', '07_bitcask', near(1000)),
            entries('fill_random', 'limit_io', near(900), label=LIMIT),
            entries('fill_random', 'leveldb', near(2000), label=PEER),
            entries('fill_random', 'buffered', near(100), label='peer, process'))
        drawn = chart(report, 'rows-fill_random')
        self.assertEqual(
            [(group['heading'], [one['name'] for one in group['rows']])
             for group in drawn['groups']],
            [('class system', ['07_bitcask', 'leveldb', 'limit_io']),
             ('class process', ['buffered'])])
        self.assertIn('Apart, of class process: buffered', drawn['sentence'])
        self.assertNotIn('as buffered', drawn['sentence'])
        table = section(report, 'ratios')['tables'][0]
        self.assertEqual([cells[0]['text'] for cells in table['rows']],
                         ['leveldb', 'limit_io'])

    def test_growth_leaves_out_other_classes(self):
        report = self.report(
            *(entries('get_hit', subject, near(ns), n=n, label=label)
              for n in (10, 100) for subject, ns, label in (
                  ('07_bitcask', 5, 'stage, system'),
                  ('limit_memory', 1, 'limit, process'))))
        drawn = chart(report, 'growth-get_hit')
        self.assertEqual([one['name'] for one in drawn['series']], ['07_bitcask'])
        self.assertIn('Apart, of class process: limit_memory', drawn['sentence'])

    def test_ratios_are_those_of_the_medians_at_the_largest_common_size(self):
        report = self.report(
            entries('get_hit', '01_scan_log', near(800), n=10),
            entries('get_hit', '07_bitcask', near(300), n=10),
            entries('get_hit', '07_bitcask', near(600), n=100),
            entries('get_hit', 'lmdb', near(200), n=10, label=PEER),
            entries('get_hit', 'lmdb', near(400), n=100, label=PEER))
        table = section(report, 'ratios')['tables'][0]
        self.assertEqual([(one['text'], one.get('value')) for one in
                          row(table, 'lmdb')[1:]],
                         [('4.00', 4.0), ('1.50', 1.5)])
        self.assertEqual(table['heads'][1]['small'], ['10\u00a0keys'])

    def test_a_stage_with_fewer_keys_is_hollow_and_not_compared(self):
        report = self.report(
            entries('get_hit', '01_scan_log', near(1), n=10),
            entries('get_hit', '04_keydir', near(600), n=100),
            entries('get_hit', '07_bitcask', near(700), n=100))
        drawn = chart(report, 'rows-get_hit')
        self.assertEqual([one['hollow'] for one in drawn['groups'][0]['rows']],
                         [True, False, False])
        self.assertIn('04_keydir, the fastest stage', drawn['sentence'])
        self.assertIn('01_scan_log (hollow)', drawn['sentence'])

    def test_what_was_made_for_one_stage_is_no_limit_of_another(self):
        report = self.report(
            entries('merge', '06_compaction', near(300)),
            entries('merge', '07_bitcask', near(400)),
            entries('merge', '06_compaction_copied', near(200), label=LIMIT),
            entries('merge', '07_bitcask_copied', near(100), label=LIMIT))
        said = chart(report, 'rows-merge')['sentence']
        self.assertIn('1.5 times as long as 06_compaction_copied', said)
        self.assertNotIn('07_bitcask_copied', said)


class CostsTest(unittest.TestCase):

    def test_each_cost_has_its_time_and_what_was_moved(self):
        report = model.build(made_up.run(
            entries('fill_random', '04_keydir', near(900),
                    bytes_written_per_op=130, writes_per_op=1),
            entries('get_miss', '04_keydir', near(36), bytes_read_per_op=0,
                    reads_per_op=0),
            entries('open_clean', '04_keydir', near(5e6), index_bytes_per_key=91,
                    heap_bytes_per_key=122)))
        table = section(report, 'costs')['tables'][0]
        write, miss, memory, start = row(table, '04_keydir')[1:]
        self.assertEqual((write['text'], write['small']),
                         ('900\u00a0ns', ['130\u00a0B, 1 call']))
        self.assertEqual(miss['small'], ['nothing read'])
        self.assertEqual((memory['text'], memory['small']),
                         ('91\u00a0B', ['heap 122\u00a0B']))
        self.assertEqual(start['text'], '5\u00a0ms')

    def test_a_write_of_another_class_says_so_and_is_not_compared(self):
        report = model.build(made_up.run(
            *(entries(workload, subject, near(ns), label=label)
              for workload, subject, ns, label in (
                  ('fill_random', '04_keydir', 900, 'stage, system'),
                  ('fill_random', '07_bitcask', 1800, 'stage, system'),
                  ('fill_random', '08_sstables', 100, 'stage, process'),
                  ('get_hit', '04_keydir', 400, 'stage, system'),
                  ('get_hit', '07_bitcask', 500, 'stage, system'),
                  ('get_hit', '08_sstables', 800, 'stage, system')))))
        costs = section(report, 'costs')
        _, write, read = row(costs['tables'][0], '08_sstables')
        self.assertEqual(write['small'], ['class process'])
        self.assertEqual(read['small'], [])
        self.assertEqual(
            costs['notes'][0].replace('\u00a0', ' '),
            'A write costs 07_bitcask 2 times what it costs 04_keydir; a read '
            'costs 08_sstables 2 times what it costs 04_keydir. A write, of '
            'class process, costs 08_sstables 100 ns.')

    def test_what_is_not_known_is_a_dash(self):
        report = model.build(made_up.run(
            entries('get_hit', '01_scan_log', near(5)),
            entries('get_hit', '04_keydir', near(5)),
            entries('get_miss', '04_keydir', near(5))))
        table = section(report, 'costs')['tables'][0]
        self.assertEqual([one['text'] for one in row(table, '01_scan_log')],
                         ['01_scan_log', '–', '5\u00a0ns'])

    def test_amplification_divides_by_key_and_value(self):
        report = model.build(made_up.run(entries(
            'get_hit', '01_scan_log', near(5), bytes_read_per_op=1160)))
        drawn = chart(report, 'read-amplification')
        self.assertEqual(drawn['groups'][0]['rows'][0]['marks'][0]['x'], 10)

    def of_two_classes(self, workload, **counters):
        """A workload of two stages of one class and one of another."""
        return model.build(made_up.run(
            *(entries(workload, subject, near(9), label=label,
                      **{name: value * factor
                         for name, value in counters.items()})
              for subject, factor, label in (
                  ('06_compaction', 1, 'stage, system'),
                  ('07_bitcask', 2, 'stage, system'),
                  ('08_sstables', 9, 'stage, process')))))

    def test_bytes_are_compared_among_equals(self):
        drawn = chart(self.of_two_classes('churn', write_amplification=1.0),
                      'write-amplification')
        self.assertEqual(
            drawn['sentence'].replace('\u00a0', ' '),
            'For each byte that was set, 06_compaction wrote 1.00 and '
            '07_bitcask 2.00. Of class process: 08_sstables: 9.00, with 1,000 '
            'keys.')
        self.assertEqual([group['heading'] for group in drawn['groups']],
                         ['class system', 'class process'])

    def test_tails_are_compared_among_equals(self):
        groups = [entries('fill_random', subject, near(9), label=label,
                          p50_ns=100, p999_ns=100 * factor)
                  for subject, factor, label in (
                      ('06_compaction', 2, 'stage, system'),
                      ('07_bitcask', 3, 'stage, system'),
                      ('08_sstables', 9, 'stage, process'))]
        said = chart(model.build(made_up.run(*groups)),
                     'tail-fill_random')['sentence']
        self.assertIn('shortest in 06_compaction', said)
        self.assertIn('longest in 07_bitcask', said)
        self.assertIn('Of class process: for a write of a new key the tail is '
                      'this in 08_sstables', said)

    def test_the_last_stage_told_of_is_of_the_class_with_the_most(self):
        groups = [entries('fill_random', subject, near(ns), label=label)
                  for subject, ns, label in (
                      ('06_compaction', 800, 'stage, system'),
                      ('07_bitcask', 1000, 'stage, system'),
                      ('08_sstables', 100, 'stage, process'),
                      ('limit_io', 500, LIMIT),
                      ('limit_memory', 50, 'limit, process'))]
        report = model.build(made_up.run(*groups))
        said = section(report, 'ratios')['tables'][0]['sentence']
        self.assertIn('07_bitcask', said)
        self.assertIn('takes 2 times as long as limit_io', said)
        self.assertNotIn('08_sstables', said)
        self.assertEqual([one['text'] for one in row(
            section(report, 'ratios')['tables'][0], 'limit_memory')[1:]],
                         ['–', '–', '2.00'])

    def test_percentiles_are_the_counters(self):
        report = model.build(made_up.run(entries(
            'get_hit', '07_bitcask', near(5), p50_ns=100, p99_ns=300,
            p999_ns=1200, max_ns=5000)))
        drawn = chart(report, 'tail-get_hit')
        marks = drawn['groups'][0]['rows'][0]['marks']
        self.assertEqual([one['x'] for one in marks], [100, 300, 1200, 5000])
        self.assertIn('longer than 1.20\u00a0µs, 12 times the median',
                      drawn['sentence'])

    def test_a_sweep_is_drawn_over_the_sizes_of_values(self):
        report = model.build(made_up.run(
            *(entries('fill_random', '04_keydir', near(ns), n=n, value=value)
              for n, value, ns in ((5000, 100, 77), (1000, 100, 10),
                                   (1000, 1000, 95), (1000, 10000, 900),
                                   (100, 100000, 7000))),
            entries('get_hit', '04_keydir', near(3))))
        drawn = chart(report, 'sweep-fill_random')
        self.assertEqual([one['x'] for one in drawn['series'][0]['points']],
                         [100, 1000, 10000])
        self.assertEqual(drawn['series'][0]['points'][0]['y'], 10)
        self.assertIn('in step with the bytes of value', drawn['sentence'])
        self.assertIsNone(chart(report, 'sweep-get_hit'))


class TargetsTest(unittest.TestCase):

    def targets(self, *groups):
        return {one['what']: one for one in
                model.build(made_up.run(*groups))['targets']}

    def test_is_met_or_not_and_missing_ones_are_not_listed(self):
        for stage, met in ((1100, True), (1200, False)):
            found = self.targets(
                entries('get_hit', '04_keydir', near(stage)),
                entries('get_hit', 'limit_io', near(1000), label=LIMIT))
            self.assertEqual({what: one['met'] for what, one in found.items()},
                             {'get_hit: 04_keydir / limit_io': met})

    def test_prefers_the_limit_that_writes_hints(self):
        groups = [entries('fill_random', '07_bitcask', near(1000)),
                  entries('fill_random', 'limit_io', near(500), label=LIMIT)]
        self.assertIn('fill_random: 07_bitcask / limit_io', self.targets(*groups))
        groups.append(entries('fill_random', 'limit_io_hints', near(990),
                              label=LIMIT))
        self.assertEqual(
            list(self.targets(*groups)),
            ['fill_random: 07_bitcask / limit_io_hints'])

    def test_two_threads_are_held_against_one(self):
        found = self.targets(entries('get_hit', '07_bitcask', near(1000)),
                             entries('get_two_threads', '07_bitcask', near(500)))
        [one] = found.values()
        self.assertEqual((one['quotient'], one['how'], one['met']),
                         (2.0, 'at least', True))

    def test_tails_are_held_against_those_without_a_merge(self):
        [one] = self.targets(
            entries('merge_reads', '07_bitcask', near(9), p999_ns=50),
            entries('merge_reads', '07_bitcask_still', near(9), p999_ns=20,
                    label='variant, system')).values()
        self.assertEqual((one['quotient'], one['met']), (2.5, False))

    def test_what_was_made_for_a_stage_is_its_equal(self):
        [one] = self.targets(
            entries('merge', '07_bitcask', near(300)),
            entries('merge', '07_bitcask_copied', near(200),
                    label='limit, disk')).values()
        self.assertEqual((one['quotient'], one['met']), (1.5, True))

    def test_a_limit_of_another_class_is_no_target(self):
        self.assertEqual(self.targets(
            entries('get_hit', '04_keydir', near(5)),
            entries('get_hit', 'limit_io', near(5), label='limit, process')), {})


class WholeTest(unittest.TestCase):

    def everything(self):
        return model.build(made_up.run(
            entries('get_hit', '07_bitcask', near(5)),
            entries('polka', '07_bitcask', near(7), dances=3),
            entries('polka', '11_mine', near(8)),
            made_up.failed('scan', '05_segments', 'fell over')))

    def test_unknown_workloads_appear(self):
        table = section(self.everything(), 'others')['tables'][0]
        self.assertEqual([cells[0]['text'] for cells in table['rows']],
                         ['07_bitcask', '11_mine'])
        self.assertIn('dances 3', list(texts(table)))
        self.assertTrue(chart(self.everything(), 'rows-polka'))

    def test_all_results_are_listed(self):
        report = self.everything()
        table = section(report, 'everything')['tables'][0]
        self.assertEqual(len(table['rows']), 3)
        self.assertEqual(len(report['results']), 4)

    def test_warns_of_what_spoils_the_numbers(self):
        for context, word in (({'build_type': 'Debug'}, 'not as Release'),
                              ({'quick': 'true'}, 'quick'),
                              ({'planned_results': '3'},
                               '2 results more are missing'),
                              ({'interrupted': 'true'}, 'interrupted')):
            warned = model.build(made_up.run(
                entries('a', 'b', near(5)), **context))['warnings']
            self.assertEqual(len(warned), 1, context)
            self.assertIn(word, warned[0])
        self.assertEqual(model.build(made_up.run(
            entries('a', 'b', near(5)), quick='false',
            planned_results='1'))['warnings'], [])
        self.assertIn('fell over', ' '.join(self.everything()['warnings']))
        self.assertIn('No result has more than one round', ' '.join(model.build(
            made_up.run(entries('a', 'b', [5])))['warnings']))
        report = model.build(made_up.run(
            entries('a', 'b', near(5)), entries('churn', 'b', [5])))
        self.assertEqual(report['warnings'], [])
        self.assertIn('Of one round, and so without a spread: churn.',
                      section(report, 'everything')['notes'])

    def test_nothing_but_errors_makes_a_report_too(self):
        report = model.build(made_up.run(made_up.failed('scan', 'x', 'no')))
        self.assertIn('no', report['warnings'][-1])
        self.assertIn('scan', page.page(report, NOWHERE))

    def test_page_markdown_and_terminal_say_the_same(self):
        report = self.everything()
        said = section(report, 'reads')['charts'][0]['sentence']
        self.assertIn(page.escape(said), page.page(report, NOWHERE))
        self.assertIn(markdown.plain(said), markdown.report(report))
        self.assertIn('WARNING: Error in scan/05_segments',
                      terminal.summary(report))

    def test_the_model_is_json(self):
        json.loads(json.dumps(self.everything(), allow_nan=False),
                   parse_constant=self.fail)


class HostileTest(unittest.TestCase):
    NAME = '</script><img src=x onerror=alert(1)>"\'&{{data}}|`*\n# x\u2028'

    def setUp(self):
        self.report = model.build(made_up.run(
            entries(self.NAME, self.NAME, near(5), label=f'stage, {self.NAME}'),
            entries(self.NAME, '07_bitcask', near(6)),
            made_up.failed('scan', self.NAME, self.NAME),
            processor=self.NAME, note={'deep': [self.NAME]}))

    def test_no_name_breaks_out_of_the_page(self):
        text = page.page(self.report, NOWHERE)
        self.assertEqual(text.count('<script'), 1)
        self.assertEqual(text.count('</script>'), 1)
        self.assertNotIn('<img', text)
        data = re.search(r'id="charts">(.*?)</script>', text, re.S)[1]
        self.assertIn(self.NAME.split('/')[-1][:5], str(json.loads(data)))

    def test_no_name_breaks_out_of_its_cell_of_markdown(self):
        text = markdown.report(self.report)
        self.assertEqual(set(re.findall(r'(?<!\\)<[^>]*>', text)) - {'<br>'},
                         set())
        self.assertNotIn('\n# x', text)
        others = [line for line in text.split('\n') if 'onerror' in line
                  and line.startswith('| ')]
        self.assertTrue(others)
        for line in others:
            self.assertEqual(len(re.findall(r'(?<!\\)\|', line)), 10)


class ProgramTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def report(self, text, *more):
        path = self.root / 'results.json'
        path.write_text(text)
        return subprocess.run(
            [sys.executable, ROOT / 'bench/report/report.py', path, *more],
            capture_output=True, text=True, check=False,
            env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'})

    def test_writes_all_three_and_prints_a_summary(self):
        done = self.report(made_up.document(
            entries('get_hit', '04_keydir', near(426))), '--out',
            self.root / 'a b' / 'c')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertIn('426 ns', done.stdout)
        self.assertEqual(
            sorted(one.name for one in (self.root / 'a b' / 'c').iterdir()),
            ['report.html', 'report.json', 'report.md'])

    def test_bad_results_end_with_2_and_leave_nothing(self):
        done = self.report('{', '--out', self.root / 'out')
        self.assertEqual(done.returncode, 2)
        self.assertIn('results.json: is not JSON', done.stderr)
        self.assertFalse((self.root / 'out').exists())


if __name__ == '__main__':
    unittest.main()
