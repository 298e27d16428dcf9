"""What the checks that read C++ share."""

import pathlib
import re
import sys

_NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|(?<=\bR)"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"', re.S)


def root():
    """The project's directory: the first argument, else the one we are in."""
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1])
    return pathlib.Path(__file__).resolve().parents[2]


def cpp_files(top, *directories):
    """All C++ files under the directories, as paths relative to `top`."""
    return sorted(
        path.relative_to(top)
        for directory in directories
        for path in (top / directory).rglob('*')
        if path.suffix in ('.h', '.cpp', '.in'))


def includes(text):
    """Yields (line number, `"name"` or `<name>`) of each include."""
    for number, line in enumerate(text.split('\n'), 1):
        match = re.match(r'\s*#\s*include\s*([<"][^>"]*[>"])', line)
        if match:
            yield number, match[1]


def code_only(text):
    """The text with comments and strings blanked, no line moved."""
    return _NO_CODE.sub(lambda m: re.sub(r'[^\n]', ' ', m[0]), text)


def finish(offences):
    """Prints the offences and leaves with what the runner expects."""
    for offence in offences:
        print(offence)
    sys.exit(1 if offences else 0)
