"""Crash states: each is right, and they are those that the run could leave."""

import unittest

import strata
import support
from support import (every, STAGES, WITH_COMPACTION, WITH_DELETE, WITH_LOGS,
                     WITHOUT_LOGS)


def history(run):
    """Writes to `run` what its stage can hold."""
    for i in range(5):
        run[f'key{i % 2}'] = f'value {i}'
    if run.stage in WITH_DELETE:
        run.delete('key1')
    if run.stage in WITH_COMPACTION:
        run.compact()
    run['last'] = 'one'


class Crashes(support.StoreTest):

    def record(self, stage, sync):
        with strata.record(stage, sync) as run:
            history(run)
        return run

    def keeps_what_was_acknowledged(self, run, kind):
        states = run.states(kind)
        self.assertGreater(len(states), 0)
        for state in states:
            with state.open() as store:
                self.assertIn(
                    dict(store.items()),
                    (run.contents(state.acknowledged),
                     run.contents(state.acknowledged + 1)), state.what)
        return states

    @every(STAGES)
    def test_synced_writes_survive_a_power_cut(self, stage):
        run = self.record(stage, 'always')
        states = self.keeps_what_was_acknowledged(run, 'power cut')
        self.assertEqual({state.acknowledged for state in states},
                         set(range(len(run.operations) + 1)))

    @every(WITH_LOGS)
    def test_writes_survive_a_kill(self, stage):
        self.keeps_what_was_acknowledged(self.record(stage, 'never'),
                                         'kill')

    @every(WITHOUT_LOGS)
    def test_without_a_log_a_kill_keeps_what_was_written_out(self, stage):
        with strata.record(stage) as run:
            run['city'] = 'Rome'
            run.flush()
            run['river'] = 'Tiber'
        states = run.states('kill')
        for state in states:
            with state.open() as store:
                self.assertIn(dict(store.items()),
                              [run.contents(count) for count in range(3)])
                if state.acknowledged == 2:
                    self.assertEqual(store.get('city'), b'Rome')
        lost = next(state for state in states if state.acknowledged == 2)
        with lost.open() as store:
            self.assertIsNone(store.get('river'))
        self.keeps_what_was_acknowledged(self.record(stage, 'always'), 'kill')

    def test_writes_without_a_sync_do_not_survive_a_power_cut(self):
        run = self.record('04_keydir', 'never')
        lost = 0
        for state in run.states('power cut'):
            with state.open() as store:
                try:
                    lost += (dict(store.items()) !=
                             run.contents(state.acknowledged))
                except strata.Damage:
                    lost += 1
        self.assertGreater(lost, 0)

    def test_changes_are_in_order_and_know_their_operation(self):
        with strata.record('04_keydir', 'always') as run:
            run['city'] = 'Rome'
            run['city'] = 'Oslo'
        changes = run.changes()
        self.assertEqual(list(changes.index), list(range(1, len(changes) + 1)))
        second = changes[changes.operation == 2]
        self.assertEqual(list(second.kind),
                         ['write', 'sync file', 'acknowledged'])
        self.assertEqual(second.iloc[0].offset, 22)
        self.assertEqual(second.iloc[0].bytes[14:], b'cityOslo')
        self.assertEqual(run.operations, [('set', b'city', b'Rome'),
                                          ('set', b'city', b'Oslo')])

    def test_a_state_tells_when(self):
        with strata.record('01_scan_log', 'never') as run:
            run['a'] = 'b'
        first, *_, last = run.states('kill')
        self.assertEqual((first.changes, first.acknowledged, first.files),
                         (0, 0, {}))
        self.assertEqual(last.changes, len(run.changes()))
        self.assertEqual(last.files, {'db/log.txt': b'a,b\n'})

    def test_a_sync_that_is_taken_away_covers_nothing(self):
        with strata.record('04_keydir', 'always') as run:
            run['city'] = 'Rome'
        changes = run.changes()
        syncs = changes[changes.kind.str.startswith('sync')]
        for number, sync in syncs.iterrows():
            with self.subTest(f'{sync.kind} {sync.path}'):
                lost = 0
                for state in run.states(without=[number]):
                    with state.open() as store:
                        lost += state.acknowledged and 'city' not in store
                self.assertGreater(lost, 0)
        write = changes.index[changes.kind == 'write'][0]
        for number in (0, int(write), len(changes) + 1):
            with self.assertRaisesRegex(ValueError, 'is no sync'):
                run.states(without=[number])

    def test_a_state_is_a_copy(self):
        with strata.record('04_keydir') as run:
            run['city'] = 'Rome'
        state = run.states('kill')[-1]
        with state.open(mode='write') as store:
            store['city'] = 'Oslo'
        with state.open() as store:
            self.assertEqual(store['city'], b'Rome')

    def test_what_was_not_acknowledged_is_no_operation(self):
        with strata.record('04_keydir') as run:
            with self.assertRaises(ValueError):
                run[''] = 'no key'
            with self.assertRaises(ValueError):
                run.delete('city')
            self.assertEqual(run.operations, [])
            with self.assertRaisesRegex(ValueError, 'power cut'):
                run.states('flood')


if __name__ == '__main__':
    unittest.main()
