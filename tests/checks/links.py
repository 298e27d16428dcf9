#!/usr/bin/env python3
"""Every relative link in a Markdown file leads somewhere, its heading
included, and the README names only commands and files that are there."""

import re
import subprocess

import sources

LINK = re.compile(r'!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)')
SCHEME = re.compile(r'[a-zA-Z][\w+.-]*:')
FENCE = re.compile(r'^(`{3,}|~{3,}).*?^\1`*\s*$', re.M | re.S)
OURS = ('common/', 'stages/', 'tests/', 'bench/', 'docs/', '.ci/')


def prose(text):
    """The text with fenced blocks blanked, no line moved."""
    return FENCE.sub(lambda m: re.sub(r'[^\n]', ' ', m[0]), text)


def slugs(text):
    """The anchors that a code host makes of the headings."""
    found = set()
    for heading in re.findall(r'^#{1,6}\s+(.*?)\s*#*$', prose(text), re.M):
        heading = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading)
        slug = re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
        count = 0
        while (name := f'{slug}-{count}' if count else slug) in found:
            count += 1
        found.add(name)
    return found


def bad_links(top, path, text):
    for match in LINK.finditer(re.sub(r'`[^`\n]*`', '', prose(text))):
        target = match[1]
        if SCHEME.match(target) or target.startswith('//'):
            continue
        name, _, anchor = target.partition('#')
        file = (top / path).parent / name if name else top / path
        if not file.exists():
            yield f'{path}: the link to {target} leads nowhere'
        elif anchor and file.suffix == '.md':
            if anchor not in slugs(file.read_text()):
                yield f'{path}: {name or "this file"} has no heading #{anchor}'


def bad_names(top, text):
    """What stands in backticks, or on a `./strata` line of a block."""
    program = str(top / 'strata')
    usage = subprocess.run(
        [program, 'help'], capture_output=True, text=True, check=True).stdout
    commands = set(re.findall(r'^  (\w+)', usage, re.M))
    for name in re.findall(r'\./strata +([a-z]+)', text):
        if name not in commands:
            yield f'README.md: there is no ./strata {name}'
    for name in re.findall(r'`([^`\s]+)`', prose(text)):
        if name.startswith(OURS) and not re.search(r'[<>{}*…N]', name):
            if not (top / name).exists():
                yield f'README.md: there is no {name}'


def main():
    top = sources.root()
    offences = []
    for path in sorted(top.rglob('*.md')):
        path = path.relative_to(top)
        if path.parts[0] != 'build':
            offences += bad_links(top, path, (top / path).read_text())
    offences += bad_names(top, (top / 'README.md').read_text())
    sources.finish(offences)


if __name__ == '__main__':
    main()
