"""A copy of the sources that changes are made to, under build/."""

import contextlib
import os
import pathlib
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ('.ci', 'bench', 'common', 'docs', 'notebooks', 'stages', 'tests')
BUILD_SECONDS = 900


def write(path, data):
    """Leaves the time of a file alone that has these bytes already."""
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def copy_sources(copy, changed=None):
    """Makes `copy` the same as the project, whatever an earlier run has left,
    but for the texts of `changed`, by path."""
    files = [path for path in ROOT.glob('CMake*') if path.is_file()]
    for folder in SOURCES:
        files += [path for path in (ROOT / folder).rglob('*')
                  if path.is_file() and '__pycache__' not in path.parts]
    wanted = {path.relative_to(ROOT): path.read_bytes() for path in files}
    for path, text in (changed or {}).items():
        wanted[pathlib.Path(path)] = text.encode()
    for path in sorted(copy.rglob('*'), reverse=True):  # a folder's files first
        if path.is_file() and path.relative_to(copy) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for path, data in wanted.items():
        write(copy / path, data)


def run(command, seconds=BUILD_SECONDS, **how):
    """@returns the exit status, nothing after so many seconds, and the output."""
    with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors='replace',
            start_new_session=True, **how) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
            return process.returncode, said
        except subprocess.TimeoutExpired:
            end(process)
            return None, f'did not end within {seconds} s'
        except BaseException:  # ours ends: so does what it has started
            end(process)
            raise


def end(process):
    """Ends it and what it has started: first so that it can tidy up."""
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
