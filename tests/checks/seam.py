#!/usr/bin/env python3
"""All system calls live in common/os. The command line may use streams, for
the user's own files and terminal; nothing else in common/ and stages/ may."""

import re

import sources

SYSTEM = re.compile(
    r'<(unistd|fcntl|dirent|poll|spawn|termios|glob|ftw|sys/\w+|linux/\w+)\.h>')
STREAMS = re.compile(r'<(fstream|filesystem)>')
CALLS = re.compile(
    r'(?<![\w:>])::\s*((?:p?read|p?write)v?|open(?:at)?|creat|close|dup2?|'
    r'f(?:data)?sync|sync_file_range|f?truncate|rename(?:at2?)?|unlink(?:at)?|'
    r'remove|mkdir|rmdir|link|symlink|readlink|chmod|chdir|[fl]?stat|access|'
    r'opendir|readdir|flock|fcntl|lockf|mmap|munmap|msync|madvise|lseek|'
    r'f?allocate|posix_fallocate|fork|exec\w+|ioctl|isatty|getrandom|syscall|'
    r'clock_gettime)\s*\(')
STDIO = re.compile(
    r'\b(?:std::)?(fopen|freopen|fdopen|popen|tmpfile|std::rename)\s*\('
    r'|\bstd::filesystem\b|\bstd::[io]?fstream\b')


def offences_in(path, text, streams):
    for number, name in sources.includes(text):
        if SYSTEM.fullmatch(name) or (not streams and STREAMS.fullmatch(name)):
            yield f'{path}:{number}: {name} belongs in common/os'
    for number, line in enumerate(sources.code_only(text).split('\n'), 1):
        call = CALLS.search(line) or (not streams and STDIO.search(line))
        if call:
            yield f'{path}:{number}: {call[0].strip()} belongs in common/os'


def main():
    top = sources.root()
    offences = []
    for path in sources.cpp_files(top, 'common', 'stages'):
        if path.parts[:2] != ('common', 'os'):
            streams = path.parts[:2] == ('common', 'cli')
            text = (top / path).read_text()
            offences += offences_in(path, text, streams)
    sources.finish(offences)


if __name__ == '__main__':
    main()
