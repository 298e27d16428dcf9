"""The ledger and the tables, held against what is known to the byte."""

import struct
import unittest
import zlib

import support
from support import (BY_HAND, every, rest, STAGES, WITH_CHECKSUMS,
                     TREES, WITH_DELETE, WITH_LOGS, WITH_RECORDS, WITHOUT_LOGS)


class Ledger(support.StoreTest):

    @every(WITHOUT_LOGS)
    def test_a_set_without_a_log_is_no_call_or_a_file_of_its_own(self, stage):
        with self.open(stage) as store:
            with store.explain() as costs:
                store['city'] = 'Rome'
                self.assertEqual(store['city'], b'Rome')
            self.assertEqual(str(costs), 'no call')
            with store.explain() as costs:
                store.flush()
            self.assertEqual((costs.writes, costs.syncs), (1, 0))
        with self.open(stage, stage + '.synced', sync='always') as store:
            with store.explain() as costs:
                store['city'] = 'Rome'
            self.assertEqual((costs.writes, costs.syncs), (1, 2))
            calls = costs.calls.call
            self.assertEqual(
                list(calls[calls.isin(['write', 'sync', 'rename'])]),
                ['write', 'sync', 'rename', 'sync'])

    @every(WITHOUT_LOGS)
    def test_a_get_reads_one_block_of_each_table_that_it_asks(self, stage):
        with self.open(stage, compression='none', **BY_HAND[stage]) as store:
            for value in ('old', 'new'):
                store['a'] = store['z'] = value
                store['only ' + value] = value
                store.flush()
            with store.explain() as costs:
                store['a']
            self.assertEqual((costs.reads, costs.keydirs), (1, 1))
            read = costs.calls[costs.calls.call == 'read'].iloc[0]
            self.assertEqual((read.file, read.offset), ('2-2.sst', 0))
            for key in ('only old', 'missing'):
                with store.explain() as costs:
                    store.get(key)
                self.assertEqual((costs.reads, costs.keydirs), (2, 2))
            with store.explain() as costs:
                self.assertIsNone(store.get('A: less than all'))
            self.assertEqual((costs.reads, costs.keydirs), (0, 2))

    @every(TREES)
    def test_a_filter_saves_the_read_of_a_miss_and_of_no_hit(self, stage):
        for bits, reads in (0, 1), (16, 0):
            with self.open(stage, f'{bits} bits', bloom_bits=bits,
                           cache_bytes=0) as store:
                store['a'] = store['z'] = 'there'
                store.compact()
                with store.explain() as costs:
                    self.assertIsNone(store.get('missing'))
                self.assertEqual((costs.reads, costs.keydirs), (reads, reads))
                with store.explain() as costs:
                    self.assertEqual(store['z'], b'there')
                self.assertEqual((costs.reads, costs.keydirs), (1, 1))

    @every(WITH_LOGS)
    def test_a_set_is_one_write_of_exactly_one_record(self, stage):
        header = (19 if stage in TREES else 14 if stage in WITH_CHECKSUMS
                  else 2)
        with self.open(stage, sync='always') as store:
            store['river'] = 'Tiber'
            with store.explain() as costs:
                store['city'] = 'Rome'
                store['hill'] = 'Oppi'
            self.assertEqual(costs.totals, {
                'opens': 0, 'reads': 0, 'bytes_read': 0, 'writes': 2,
                'bytes_written': 2 * (8 + header), 'syncs': 2,
                'others': 0})

    @every(WITH_RECORDS)
    def test_a_get_with_a_keydir_is_one_read_of_exactly_the_record(self, stage):
        with self.open(stage) as store:
            store['city'] = 'Rome'
            store['river'] = 'Tiber'
            with store.explain() as costs:
                store['river']
            self.assertEqual((costs.reads, costs.bytes_read), (1, 24))
            read = costs.calls[costs.calls.call == 'read'].iloc[0]
            self.assertEqual((read.offset, read.bytes), (22, 24))
            self.assertEqual(read.file, store.dump().file[0])
            self.assertIn('record', read.why)
            self.assertIn('1 read (24 bytes)', str(costs))
            with store.explain() as costs:
                self.assertIsNone(store.get('hill'))
            self.assertEqual(sum(costs.totals.values()), 0)
            self.assertTrue(costs.calls.empty)
            with self.assertRaisesRegex(AttributeError, 'bytes_read'):
                costs.price

    def test_a_scan_of_the_log_reads_all_of_it_and_the_value(self):
        with self.open('01_scan_log') as store:
            store['city'] = 'Rome'
            store['river'] = 'Tiber'
            with store.explain() as costs:
                store['city']
            self.assertEqual(costs.reads, 2)
            self.assertEqual(costs.bytes_read, 10 + 12 + 4)
            self.assertEqual(list(costs.calls.why),
                             ['scan for the key', 'read the value'])

    @every(STAGES)
    def test_the_ledger_adds_up_all_calls_since_the_open(self, stage):
        self.open(stage).close()
        store = self.open(stage)
        self.assertEqual(store.ledger, store.opening.totals)
        with store.explain() as set_costs:
            store['city'] = 'Rome'
        with store.explain() as last_costs:
            store.get('city')
            store.close()
        parts = (store.opening, set_costs, last_costs)
        self.assertEqual(store.ledger, {
            name: sum(part.totals[name] for part in parts)
            for name in store.ledger})

    def test_explaining_twice_at_a_time_is_refused(self):
        with self.open('04_keydir') as store:
            with store.explain():
                with self.assertRaisesRegex(ValueError, 'already'):
                    with store.explain():
                        self.fail('it was not')
            with store.explain() as costs:
                store['city'] = 'Rome'
            self.assertEqual(costs.writes, 1)

    def test_opening_reads_each_byte_of_a_log_once(self):
        with self.open('04_keydir') as store:
            for i in range(1000):
                store[f'k{i:03}'] = 'v' * 100
        with self.open('04_keydir', mode='read') as store:
            self.assertEqual(store.opening.bytes_read, 1000 * 118)
            self.assertIn('fill the keydir', list(store.opening.calls.why))

    def test_a_miss_asks_the_keydir_of_each_segment(self):
        for stage, keydirs in [('05_segments', 10), ('06_compaction', 10),
                               ('07_bitcask', 0)]:
            with self.subTest(stage), self.open(stage,
                                                segment_bytes=36) as store:
                for i in range(10):
                    store[f'k{i:03}'] = 'v' * 18
                with store.explain() as costs:
                    store.get('absent')
                self.assertEqual(costs.keydirs, keydirs)
                if keydirs:
                    self.assertEqual(str(costs), '10 keydirs asked')


class Tables(support.StoreTest):

    @every(WITHOUT_LOGS)
    def test_dump_of_a_sorted_table_tells_where_in_its_block(self, stage):
        with self.open(stage, block_bytes=1, **BY_HAND[stage]) as store:
            for key in ('river', 'rival'):
                store[key] = key.upper()
            store.delete('rivet')
            store.flush()
            store['river'] = 'Tiber'
            store.flush()
            frame = store.dump()
            self.assertEqual(list(frame.columns), [
                'file', 'offset', 'size', 'state', 'at', 'shared', 'key',
                'value', 'why'])
            self.assertEqual(list(frame.key), [b'rival', b'river', b'river'])
            self.assertEqual(list(frame.state), ['live', 'dead', 'live'])
            self.assertEqual(list(frame.file), ['1-1.sst'] * 2 + ['2-2.sst'])
            self.assertEqual(list(frame['at']), [0, 0, 0], 'a block each')
            self.assertLess(frame.offset[0], frame.offset[1])
            store.compact()
            self.assertEqual(list(store.dump().value), [b'RIVAL', b'Tiber'])

    @every(TREES)
    def test_dump_of_a_manifest_has_its_lines(self, stage):
        with self.open(stage) as store:
            store['city'] = 'Rome'
            store.compact()
            frame = store.dump('MANIFEST')
            manifest = (self.root / stage / 'MANIFEST').read_text()
            self.assertEqual(list(frame.line), manifest.splitlines())
            self.assertEqual(frame['size'].sum(), len(manifest))

    @every(WITH_RECORDS)
    def test_dump_has_a_column_for_each_field(self, stage):
        with self.open(stage) as store:
            for city in ('Rome', 'Oslo'):
                store['city'] = city
            frame = store.dump()
            self.assertEqual(list(frame.columns), [
                'file', 'offset', 'size', 'state', 'crc', 'tstamp', 'ksz',
                'vsz', 'key', 'value', 'why'])
            self.assertEqual(list(frame.state), ['dead', 'live'])
            self.assertEqual(list(frame.offset), [0, 22])
            self.assertEqual(list(frame.value), [b'Rome', b'Oslo'])
            log = (self.root / stage / frame.file[0]).read_bytes()
            for row in frame.itertuples():
                record = log[row.offset:row.offset + row.size]
                fields = struct.unpack('>IIHI', record[:14])
                self.assertEqual(fields, (row.crc, row.tstamp, row.ksz,
                                          row.vsz))
                self.assertEqual(zlib.crc32(record[4:]), row.crc)

    def test_dump_of_text_has_key_and_value(self):
        with self.open('01_scan_log') as store:
            store['city'] = 'Rome'
            frame = store.dump()
            self.assertEqual(frame.loc[0].to_dict(), {
                'file': 'log.txt', 'offset': 0, 'size': 10, 'state': 'live',
                'key': b'city', 'value': b'Rome', 'why': None})

    def test_dump_of_hints_has_both_offsets(self):
        with self.open('07_bitcask') as store:
            store['city'] = 'Rome'
            store['river'] = 'Tiber'
        with self.open('07_bitcask', mode='read') as store:
            frame = store.dump('1.bitcask.hint')
            self.assertEqual(list(frame.offset), [0, 22])
            self.assertEqual(list(frame.field_offset), [0, 22])
            self.assertEqual(list(frame['size']), [22, 23])
            with self.assertRaisesRegex(ValueError, 'no file'):
                store.dump('log.txt')

    @every(STAGES)
    def test_dump_of_an_empty_store_is_an_empty_table(self, stage):
        with self.open(stage) as store:
            self.assertTrue(store.dump().empty)

    @every(WITH_DELETE)
    def test_file_stats_add_up_to_stats(self, stage):
        with self.open(stage, segment_bytes=100, **BY_HAND[stage]) as store:
            for i in range(20):
                store[f'k{i % 3}'] = str(i)
            store.delete('k0')
            rest(store)
            files, stats = store.file_stats(), store.stats()
            self.assertGreater(len(files), 2)
            self.assertEqual(files.live_bytes.sum(), stats['live_bytes'])
            self.assertEqual(files.dead_bytes.sum(), stats['dead_bytes'])
            self.assertLessEqual(files.dead_percent.max(), 100)


if __name__ == '__main__':
    unittest.main()
