"""Every stage does from Python what it does by itself."""

import shutil
import subprocess
import sys
import threading
import unittest

import strata
import support
from support import (BY_HAND, every, rest, SORTED, STAGES, TREES,
                     WITH_CHECKSUMS, WITH_COMPACTION, WITH_DELETE, WITH_LOGS,
                     WITHOUT_LOGS)


class Operations(support.StoreTest):

    @every(STAGES)
    def test_the_last_set_of_a_key_wins(self, stage):
        with self.open(stage) as store:
            store.set('city', 'Rome')
            store['city'] = b'Oslo'
            store['river'] = 'Tiber'
            self.assertEqual(store.get('city'), b'Oslo')
            self.assertEqual(store[b'city'], b'Oslo')
            self.assertIsNone(store.get('hill'))
            self.assertEqual(len(store), 2)
            self.assertEqual(set(store), {b'city', b'river'})
            self.assertIn('river', store)
            self.assertNotIn('hill', store)
            with self.assertRaises(KeyError):
                store['hill']
        with self.open(stage, mode='read') as store:
            self.assertEqual(store['city'], b'Oslo')

    @every(STAGES)
    def test_a_str_is_its_utf_8(self, stage):
        with self.open(stage) as store:
            store['café'] = '☕'
            self.assertEqual(store['café'.encode()], '☕'.encode())

    @every(WITH_CHECKSUMS)
    def test_any_bytes_are_kept_where_the_format_can_hold_them(self, stage):
        key, value = b'\0key\xff\n,', bytes(range(256))
        with self.open(stage) as store:
            store[key] = value
            store['a\0b'] = b'\0'
            store['empty'] = b''
            self.assertEqual(store[key], value)
            self.assertEqual(store[b'a\0b'], b'\0')
            self.assertEqual(store['empty'], b'')
            self.assertEqual(set(store.keys()), {key, b'a\0b', b'empty'})

    @every(sorted(set(STAGES) - set(WITH_CHECKSUMS)))
    def test_text_holds_nul_bytes_but_no_newlines(self, stage):
        with self.open(stage) as store:
            store[b'a\0b'] = b'1\0002'
            self.assertEqual(store[b'a\0b'], b'1\0002')
            with self.assertRaisesRegex(ValueError, 'may not hold'):
                store['line'] = 'one\ntwo'
            self.assertEqual(len(store), 1)

    @every(STAGES)
    def test_scan_is_ascending_and_half_open(self, stage):
        with self.open(stage) as store:
            for key in 'cadb':
                store[key] = key.upper()
            self.assertEqual(store.scan('b', 'd'),
                             [(b'b', b'B'), (b'c', b'C')])
            self.assertEqual([key for key, _ in store.scan('c')],
                             [b'c', b'd'])
            self.assertEqual([key for key, _ in store.scan(stop=b'b')],
                             [b'a'])
            self.assertEqual(store.scan('a', ''), [])
            self.assertEqual(len(store.items()), 4)

    @every(WITH_DELETE)
    def test_a_deleted_key_is_gone(self, stage):
        with self.open(stage) as store:
            store['city'] = 'Rome'
            store['river'] = 'Tiber'
            store.delete('city')
            del store['river']
            store.delete('hill')  # which is no error
            self.assertEqual(store.keys(), [])
            self.assertTrue(store, 'an empty store is a store')
            with self.assertRaises(KeyError):
                del store['hill']

    @every(WITH_COMPACTION)
    def test_compaction_leaves_what_is_alive(self, stage):
        with self.open(stage, segment_bytes=200, **BY_HAND[stage]) as store:
            for i in range(100):
                store[f'key{i % 10}'] = str(i)
            rest(store)
            before = store.stats()
            store.compact()
            after = store.stats()
            self.assertEqual(dict(store.items()),
                             {b'key%d' % i: b'9%d' % i for i in range(10)})
            self.assertEqual(before['keys'], 10)
            if stage in SORTED:  # neighbours share what their keys begin with
                self.assertLess(after['live_bytes'], before['live_bytes'])
                self.assertGreater(after['live_bytes'], 10 * len('90'))
            else:
                self.assertEqual(after['live_bytes'], before['live_bytes'])
            self.assertGreater(before['dead_bytes'], 0)
            self.assertEqual(after['dead_bytes'], 0)

    @every(strata.stages())
    def test_what_a_stage_cannot_do_yet_it_refuses_by_name(self, stage):
        with self.open(stage.name) as store:
            calls = {'del': lambda: store.delete('a'),
                     'compact': store.compact, 'verify': store.verify,
                     'salvage': lambda: store.salvage(str(self.root / 's'))}
            for name, why in stage.refuses.items():
                if name in calls:
                    with self.assertRaises(ValueError) as raised:
                        calls[name]()
                    self.assertIn(why, str(raised.exception))

    @every(WITH_CHECKSUMS)
    def test_damage_is_told_and_salvaged(self, stage):
        # Of a sorted file, a whole block is lost: so each has one record.
        small = {'block_bytes': 1} if stage in SORTED else {}
        with self.open(stage, **small) as store:
            store['city'] = 'Rome'
            store['river'] = 'Tiber'
            store.flush()
            file, offset = store.dump().loc[0, ['file', 'offset']]
        log = self.root / stage / file
        log.write_bytes(log.read_bytes().replace(b'Rome', b'Romf'))
        with self.open(stage, mode='read') as store:
            places = store.verify()
            self.assertIn(offset, [place['offset'] for place in places])
            with self.assertRaisesRegex(strata.Damage, 'checksum'):
                store['city']
            lost = store.salvage(str(self.root / (stage + '.saved')))
            self.assertEqual(lost[0]['offset'], offset)
            self.assertEqual(store.dump().state[0], 'damaged')
        with self.open(stage, stage + '.saved', mode='read') as saved:
            self.assertEqual(saved.items(), [(b'river', b'Tiber')])

    @every(WITHOUT_LOGS)
    def test_a_table_that_is_cut_is_damage(self, stage):
        with self.open(stage) as store:
            store['city'] = 'Rome'
        [table] = (self.root / stage).glob('*.sst')
        table.write_bytes(table.read_bytes()[:-1])
        with self.open(stage, mode='read') as store:
            self.assertIn('damaged', ' '.join(store.notes))
            self.assertEqual(store['city'], b'Rome')
            self.assertEqual(len(store.verify()), 1)

    @every(WITHOUT_LOGS)
    def test_what_is_not_flushed_nobody_else_sees(self, stage):
        with self.open(stage) as store:
            store['city'] = 'Rome'
            with self.open(stage, stage, mode='read') as reader:
                self.assertIsNone(reader.get('city'))
            store.flush()
            with self.open(stage, stage, mode='read') as reader:
                self.assertEqual(reader['city'], b'Rome')

    @every(WITHOUT_LOGS)
    def test_a_close_that_cannot_write_out_raises_and_closes(self, stage):
        store = self.open(stage)
        store['city'] = 'Rome'
        shutil.rmtree(self.root / stage)
        with self.assertRaises(FileNotFoundError):
            store.close()
        self.assertTrue(store.closed)
        self.assertIn('lost', ' '.join(store.notes))

    @every(SORTED)
    def test_keys_ascend_where_files_are_sorted(self, stage):
        with self.open(stage) as store:
            for key in 'cadb':
                store[key] = ''
            self.assertEqual(store.keys(), [b'a', b'b', b'c', b'd'])

    @every(WITH_LOGS)
    def test_a_torn_tail_is_told(self, stage):
        with self.open(stage) as store:
            store['city'] = 'Rome'
            self.assertEqual(store.notes, [])
            file = store.dump().file[0]
        for path in (self.root / stage).glob('*.hint'):
            path.unlink()
        log = self.root / stage / file
        log.write_bytes(log.read_bytes()[:-1])
        with self.open(stage, mode='read') as store:
            self.assertIsNone(store.get('city'))
            self.assertIn('torn tail', ' '.join(store.notes))

    @every(TREES)
    def test_settle_leaves_nothing_to_be_merged(self, stage):
        with self.open(stage, memtable_bytes=1000, level_runs=2) as store:
            for i in range(1000):
                store[f'key{i % 10}'] = str(i)
            store.settle()
            lines = list(store.dump('MANIFEST').line)
            levels = [at for at, line in enumerate(lines)
                      if line.startswith('level ')]
            self.assertLess(lines[levels[0]:levels[1]].count('run'), 2)
            files = [path.name for path in (self.root / stage).iterdir()]
            self.assertEqual(len(files), store.stats()['files'])
            done = store.ledger
            store.settle()
            self.assertEqual(store.ledger, done, 'there was more to do')

    @every([stage for stage in STAGES if stage not in TREES])
    def test_who_cannot_tell_what_is_left_to_merge_says_so(self, stage):
        with self.open(stage) as store:
            with self.assertRaisesRegex(ValueError, 'cannot tell'):
                store.settle()

    @every(WITH_COMPACTION)
    def test_merges_in_the_background_do_not_wait_for_python(self, stage):
        options = {'segment_bytes': 1000}
        if stage == '07_bitcask':
            options['frag_merge_trigger'] = 10
        with self.open(stage, **options) as store:
            def write():
                for i in range(3000):
                    store[f'key{i % 10}'] = str(i)
            threads = [threading.Thread(target=write) for _ in range(3)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                store.stats()
                store.scan()
            self.assertEqual(len(store), 10)
        first = ('3.sst' if stage in TREES else
                 '1-1.*' if stage in SORTED else '1.*')
        self.assertFalse(list((self.root / stage).glob(first)),
                         'nothing was merged')


class Opening(support.StoreTest):

    def test_stages_are_those_of_the_story(self):
        self.assertEqual(STAGES, sorted(STAGES))
        keydir = strata.stages()[STAGES.index('04_keydir')]
        self.assertEqual(keydir.title, 'a keydir over binary records')
        self.assertIn('compact', keydir.refuses)
        segments = strata.stages()[STAGES.index('05_segments')]
        self.assertEqual(segments.options['segment_bytes']['default'], 64 << 20)
        tables = strata.stages()[STAGES.index('08_sstables')]
        self.assertEqual(tables.options['compression']['choices'],
                         ['none', 'lz4', 'zstd'])
        self.assertEqual((tables.sorts, tables.logs), (True, False))
        self.assertEqual((segments.sorts, segments.logs), (False, True))

    def test_what_is_not_there_is_named_with_what_is(self):
        for options, words in [
                ({'stage': '99'}, "no stage '99': there are 01_scan_log"),
                ({'slots': 1}, "no option 'slots': it has segment_bytes"),
                ({'segment_bytes': 0}, 'from 1 to'),
                ({'segment_bytes': -1}, 'from 1 to'),
                ({'mode': 'append'}, "'read' or 'write', not 'append'"),
                ({'sync': 'now'}, "'never' or 'always', not 'now'"),
                ({'stage': '08_sstables', 'compression': 'zip'},
                 "compression is one of none, lz4, zstd, not 'zip'"),
                ({'stage': '08_sstables', 'compression': 3, 'segment_bytes': 9},
                 'from 0 to 2'),
                ({'stage': '04_keydir', 'segment_bytes': 9},
                 'arrives with 05_segments')]:
            with self.subTest(words):
                with self.assertRaisesRegex(ValueError, words):
                    self.open(**{'stage': '05_segments', **options})
        with self.assertRaises(TypeError):
            self.open('05_segments', segment_bytes='many')
        self.assertEqual(list(self.root.iterdir()), [])

    @every(STAGES)
    def test_a_store_in_memory_touches_no_file(self, stage):
        disk = strata.Disk()
        path = str(self.root / stage)
        with strata.open(stage, path, disk=disk) as store:
            store['city'] = 'Rome'
            with self.assertRaises(strata.Busy):
                strata.open(stage, path, disk=disk)
        with strata.open(stage, path, mode='read', disk=disk) as store:
            self.assertEqual(store['city'], b'Rome')
        self.assertFalse((self.root / stage).exists())
        self.assertTrue(any(b'Rome' in data for data in disk.files().values()))

    @every(STAGES)
    def test_a_second_writer_is_turned_away(self, stage):
        with self.open(stage) as store:
            store['city'] = 'Rome'
            with self.assertRaisesRegex(strata.Busy, 'already open'):
                self.open(stage)
            store.flush()
            with self.open(stage, mode='read') as reader:
                self.assertEqual(reader['city'], b'Rome')
        self.open(stage).close()

    @every(STAGES)
    def test_an_error_of_the_system_has_its_number_and_file(self, stage):
        (self.root / 'file').write_bytes(b'')
        with self.assertRaises(NotADirectoryError) as raised:
            self.open(stage, 'file/db')
        self.assertIn('file', raised.exception.filename)
        self.assertIn('Not a directory', str(raised.exception))

    @every(STAGES)
    def test_what_only_reads_writes_nothing(self, stage):
        with self.open(stage, mode='read') as store:
            self.assertEqual(len(store), 0)
        self.assertFalse((self.root / stage).exists())

    @every(STAGES)
    def test_a_closed_store_refuses_everything(self, stage):
        store = self.open(stage)
        store['city'] = 'Rome'
        self.assertFalse(store.closed)
        store.close()
        store.close()
        self.assertTrue(store.closed)
        for call in (lambda: store.get('city'), lambda: store.set('a', 'b'),
                     store.keys, store.scan, store.stats, store.dump,
                     store.file_stats, lambda: store.index_probes):
            with self.assertRaisesRegex(ValueError, 'closed'):
                call()
        self.assertGreater(store.ledger['writes'], 0)

    def test_a_store_is_closed_when_its_block_ends_badly(self):
        with self.assertRaises(RuntimeError):
            with self.open('04_keydir') as store:
                raise RuntimeError
        self.assertTrue(store.closed)

    def test_pandas_is_imported_by_who_wants_a_table(self):
        code = ('import strata, sys; store = strata.open("04_keydir", "db"); '
                'store["a"] = "b"; store.stats(); store.records(); '
                'assert "pandas" not in sys.modules; store.dump(); '
                'assert "pandas" in sys.modules')
        subprocess.run([sys.executable, '-c', code], check=True, cwd=self.root)


if __name__ == '__main__':
    unittest.main()
