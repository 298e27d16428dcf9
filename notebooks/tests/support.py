"""What the tests of the module share."""

import functools
import pathlib
import tempfile
import unittest

import strata

STAGES = [stage.name for stage in strata.stages()]
WITH_DELETE = [stage.name for stage in strata.stages()
               if 'del' not in stage.refuses]
WITH_COMPACTION = [stage.name for stage in strata.stages()
                   if 'compact' not in stage.refuses]
# What keeps a stage from merging in the background, where that would change
# what is looked at twice.
BY_HAND = {'06_compaction': {'dead_percent': 100},
           '07_bitcask': {'merge_window_end': 0},
           '08_sstables': {'merge_tables': 1_000_000},
           '09_lsm_tree': {'level_runs': 1_000_000}}
WITH_CHECKSUMS = [stage.name for stage in strata.stages() if stage.checksums]
WITH_LOGS = [stage.name for stage in strata.stages() if stage.logs]
WITHOUT_LOGS = [stage.name for stage in strata.stages() if not stage.logs]
SORTED = [stage.name for stage in strata.stages() if stage.sorts]
TREES = [stage for stage in SORTED if stage in WITH_LOGS]
# Whose dump shows Bitcask's records, one behind the other.
WITH_RECORDS = [stage.name for stage in strata.stages()
                if stage.checksums and not stage.sorts]


def rest(store):
    """Writes out what is left to be; no thread has anything to do then."""
    store.flush()
    if store.stage in TREES:
        store.settle()


def every(stages):
    """Runs a test with each of the stages, as a second argument."""
    def for_each(test):
        @functools.wraps(test)
        def run(self):
            for stage in stages:
                with self.subTest(stage):
                    test(self, stage)
        return run
    return for_each


class StoreTest(unittest.TestCase):
    """A test with an empty directory of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def open(self, stage, name=None, **options):
        """Opens a store that is closed when the test ends."""
        store = strata.open(stage, self.root / (name or stage), **options)
        self.addCleanup(store.close)
        return store
