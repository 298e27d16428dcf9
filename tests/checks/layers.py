#!/usr/bin/env python3
"""Dependencies point one way: a stage includes common/ and itself (and the
roadmap, which names stages and holds none), common/ no stage. Tests,
benchmarks and the tour may include both."""

import sources

PROJECT = ('common/', 'stages/', 'tests/', 'bench/', '.')


def allowed(path):
    """The directories whose headers the file may include."""
    parts = path.parts
    if parts[0] == 'common':
        return ['common/']
    if len(parts) > 2:
        return ['common/', f'stages/{parts[1]}/', 'stages/roadmap.h']
    # At the top of stages/ is the registry, which lists them all.
    return ['common/', 'stages/']


def main():
    top = sources.root()
    offences = []
    for path in sources.cpp_files(top, 'common', 'stages'):
        for number, name in sources.includes((top / path).read_text()):
            header = name[1:-1]
            ours = name[0] == '"' or header.startswith(PROJECT)
            if ours and not header.startswith(tuple(allowed(path))):
                offences.append(f'{path}:{number}: may not include {name}')
    sources.finish(offences)


if __name__ == '__main__':
    main()
