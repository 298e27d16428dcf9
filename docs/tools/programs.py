"""Runs the stages, for pictures of what they do."""

import os
import pathlib
import subprocess
import tempfile

from wrong import Wrong


class Programs:
    """Runs the stages in an empty directory, which goes in the end."""

    def __init__(self, binaries):
        self.binaries = pathlib.Path(binaries)
        self.folder = None

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='picture.')
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def run(self, stage, *arguments, given='', may_fail=False):
        """@returns what it prints, and what it prints on standard error."""
        try:
            done = subprocess.run(
                [self.binaries / stage, '--db', 'db.' + stage, *arguments],
                input=given, capture_output=True, text=True, check=False,
                cwd=self.folder.name, env={**os.environ, 'LC_ALL': 'C.UTF-8'},
                timeout=600)
        except subprocess.TimeoutExpired:
            raise Wrong(f'{stage} did not end within 600 s') from None
        except OSError as error:
            raise Wrong(f'cannot run {stage}: {error.strerror}') from None
        if done.returncode and not may_fail:
            raise Wrong(f'{stage}: {done.stderr.strip()}')
        return done.stdout, done.stderr

    def file(self, stage, name):
        """The bytes of a file of the store."""
        return (pathlib.Path(self.folder.name) / f'db.{stage}' / name
                ).read_bytes()

    def dump(self, stage):
        """Each record: file, offset, size, state and a map of its fields."""
        records = []
        for line in self.run(stage, 'dump')[0].splitlines():
            name, offset, size, state, *fields = line.split('\t')
            records.append((name, int(offset), int(size), state,
                            dict(field.split('=', 1) for field in fields)))
        return records
