"""Runs the commands of a chapter and takes what they print."""

import contextlib
import os
import pathlib
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from wrong import Wrong

TIMEOUT_SECONDS = 600  # only against a hang


class Session:
    """A bash that runs the commands of one chapter."""

    MARK = '\x1e'  # between a command's output and its successor

    def __init__(self, root, binaries):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix='chapter.'))
        work = self.home / 'work'
        work.mkdir()
        environment = {
            **os.environ,
            'PATH': f'{binaries}{os.pathsep}{os.environ.get("PATH", "")}',
            'STRATA_ROOT': str(root), 'HOME': str(self.home),
            'LC_ALL': 'C.UTF-8', 'TZ': 'UTC', 'TERM': 'dumb', 'COLUMNS': '80',
            'PAGER': 'cat', 'GIT_CONFIG_GLOBAL': '/dev/null',
            'GIT_CONFIG_COUNT': '1', 'GIT_CONFIG_KEY_0': 'safe.directory',
            'GIT_CONFIG_VALUE_0': '*',
        }
        shell = ['bash', '--noprofile', '--norc']
        if shutil.which('stdbuf'):
            # So that output and errors come in the order a terminal shows.
            shell = ['stdbuf', '-oL', '-eL', *shell]
        self.bash = subprocess.Popen(
            shell, cwd=work, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.status = 0
        self.ended = False

    def run(self, command):
        """What the command prints, as lines."""
        if self.ended:
            raise Wrong('not run: the session has ended')
        try:
            output = self._run(command)
        except (Wrong, OSError) as error:
            self.ended = True  # what comes late must not be the next one's
            raise error if isinstance(error, Wrong) else Wrong(
                f'`{command}` ended the session') from None
        text, status, _ = output.rsplit(self.MARK, 2)
        self.status = int(status)
        lines = [line.rstrip() for line in text.split('\n')]
        return lines[:-1] if not lines[-1] else lines

    def _run(self, command):
        script = self.home / 'command'
        script.write_text(f'(exit {self.status})\n{command}\n')
        self.bash.stdin.write(
            f'. {shlex.quote(str(script))} </dev/null; '
            f"printf '{self.MARK}%d{self.MARK}' $?\n".encode())
        self.bash.stdin.flush()
        return self._read_until_mark(command)

    def _read_until_mark(self, command):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        output = b''
        mark = self.MARK.encode()
        with selectors.DefaultSelector() as ready:
            ready.register(self.bash.stdout, selectors.EVENT_READ)
            while output.count(mark) < 2:
                if not ready.select(max(0, deadline - time.monotonic())):
                    raise Wrong(f'`{command}` took more than '
                                f'{TIMEOUT_SECONDS} seconds')
                piece = os.read(self.bash.stdout.fileno(), 1 << 16)
                if not piece:
                    raise Wrong(f'`{command}` ended the session')
                output += piece
        return output.decode(errors='replace')

    def close(self):
        # First what a program can hear, so that it ends what it has started.
        for signal_, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.bash.pid, signal_)
            with contextlib.suppress(OSError):
                self.bash.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.bash.wait(seconds)
                break
        self.bash.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)


def commands(lines):
    """Splits a block into commands: (lines as shown, command, output)."""
    found = []
    more = False
    for line in lines:
        if more:
            found[-1][0].append(line)
            found[-1][1].append(line.removeprefix('> '))
        elif line.startswith('$ '):
            found.append(([line], [line[2:]], []))
        elif found and line.startswith('> ') and not found[-1][2]:
            found[-1][0].append(line)
            found[-1][1].append(line[2:])
        elif found:
            found[-1][2].append(line)
        else:
            raise Wrong('a run block begins with a "$ " line')
        more = bool(found) and line.endswith('\\') and not found[-1][2]
    if not found:
        raise Wrong('a run block without a command')
    return [(shown, '\n'.join(code), out) for shown, code, out in found]


def masked(lines, expression):
    done = subprocess.run(
        ['sed', '-E', expression], input='\n'.join(lines) + '\n' * bool(lines),
        capture_output=True, text=True, check=False,
        env={**os.environ, 'LC_ALL': 'C.UTF-8'})
    if done.returncode:
        raise Wrong(f'mask: {done.stderr.strip()}')
    return done.stdout.split('\n')[:-1]


def run_block(session, what, old, refresh):
    """What the block should hold."""
    words = shlex.split(what)
    mask = words[1] if len(words) == 2 and words[0] == 'mask' else None
    unchecked = words == ['unchecked']
    if words and not mask and not unchecked:
        raise Wrong(f'run: knows "unchecked" and "mask EXPRESSION", not {what}')
    filled = any(out for _, _, out in commands(old))
    new = []
    for shown, command, out in commands(old):
        output = session.run(command)
        if mask:
            output = masked(output, mask)
        if unchecked and filled and not refresh:
            output = out
        if any(line.startswith(('$ ', '```')) for line in output):
            raise Wrong(f'`{command}` prints a line that would end the block')
        new += shown + output
    return new
