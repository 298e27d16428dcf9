"""Pulls definitions out of the sources, and tells how two of them differ."""

import difflib
import os
import re

from wrong import Wrong

LITERAL = re.compile(
    r'''"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|//.*|/\*.*?\*/''')


def bare(line):
    """The line without its literals and comments."""
    return LITERAL.sub('""', line).rstrip()


def definition_end(lines, first):
    """The last line of what begins at `first`: where its brackets are closed
    and it ends with a brace or a semicolon."""
    depth = 0
    for at in range(first, len(lines)):
        line = bare(lines[at])
        depth += sum(line.count(c) for c in '({[')
        depth -= sum(line.count(c) for c in ')}]')
        if depth <= 0 and line.endswith(('}', ';')):
            return at
    return len(lines) - 1


def definition_start(lines, at, comments):
    """The first line of what is named in line `at`."""
    while at > 0:
        above = lines[at - 1].strip()
        if not above or above.startswith(('//', '#')):
            break
        if above.endswith((';', '}', '{', ':')):
            break
        at -= 1
    while comments and at > 0 and lines[at - 1].strip().startswith('//'):
        at -= 1
    return at


def declares(line, name):
    """Whether an unindented line declares or defines `name`."""
    if not line or line[0] in ' }#/':
        return False
    line = bare(line)
    word = r'(?<![\w:~])' + re.escape(name)
    if re.search(rf'\b(class|struct|union|enum|concept)\b[^=({{]*{word}\b(?!::)',
                 line):
        return not line.endswith(';') or '{' in line
    called = re.search(rf'{word}\s*\(', line)
    if called:
        # Not a call: nothing assigned or returned stands before it.
        before = line[:called.start()]
        return '=' not in before and not before.startswith('return')
    return bool(re.search(rf'{word}\s*(\[[^\]]*\]\s*)*(=|\{{|;)', line))


def class_body(lines, first, last):
    """What stands between the braces of a class, moved to the margin."""
    while not bare(lines[first]).endswith('{'):
        first += 1
        if first > last:
            raise Wrong('the class stands on one line')
    return [line[2:] if line.startswith('  ') else line.strip()
            for line in lines[first + 1:last]]


def find_all(lines, name, comments):
    """Every definition of `name`; its declarations where there is none."""
    definitions, declarations = [], []
    at = 0
    while at < len(lines):
        if not declares(lines[at], name):
            at += 1
            continue
        last = definition_end(lines, at)
        first = definition_start(lines, at, comments)
        declared = '(' in lines[at] and '{' not in ''.join(
            bare(line) for line in lines[at:last + 1])
        (declarations if declared else definitions).append((first, last))
        at = last + 1
    found = [lines[a:b + 1] for a, b in definitions or declarations]
    if not found and '::' in name:
        outer, inner = name.split('::', 1)
        for at, line in enumerate(lines):
            kind = re.search(r'\b(class|struct|enum|union)\b', bare(line))
            if kind and declares(line, outer):
                body = class_body(lines, at, definition_end(lines, at))
                found += find_all(body, inner, comments)
    return found


TEST = re.compile(r'TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)')


def find_tests(lines, name, comments):
    """The test `Suite.Name` of GoogleTest."""
    for at, line in enumerate(lines):
        test = TEST.match(' '.join(lines[at:at + 2]))
        if test and f'{test[1]}.{test[2]}' == name:
            last = definition_end(lines, at)
            yield lines[definition_start(lines, at, comments):last + 1]


def find(root, path, symbol, comments=False):
    """The lines that define `symbol` in the file."""
    name, _, wanted = symbol.partition('#')
    look = find_tests if '.' in name else find_all
    found = list(look(source(root, path).split('\n'), name, comments))
    if not found:
        raise Wrong(f'{path} defines no {name}')
    if not wanted and len(found) > 1:
        raise Wrong(f'{path} defines {name} {len(found)} times: say {name}#1 '
                    f'to {name}#{len(found)}')
    if wanted and not 1 <= int(wanted) <= len(found):
        raise Wrong(f'{path} defines {name} {len(found)} times')
    return found[int(wanted or 1) - 1]


def source(root, path):
    try:
        return (root / path).read_text().rstrip('\n')
    except OSError as error:
        raise Wrong(f'cannot read {path}: {error.strerror}') from None


def split_comments(what):
    """@returns the words, and whether comments are wanted, too."""
    return (what.removesuffix(' with comments').split(),
            what.endswith(' with comments'))


def listing(root, what):
    """What a `code` directive asks for, as lines."""
    words, comments = split_comments(what)
    if not words:
        raise Wrong('code: names no file')
    if len(words) == 1:
        return source(root, words[0]).split('\n')
    parts = ['\n'.join(find(root, words[0], word, comments))
             for word in words[1:]]
    return '\n\n'.join(parts).split('\n')


# --- differences ------------------------------------------------------------

CONTEXT = 3  # lines shown around a change
BRACES = re.compile(r'[\s{}();]*')


def class_of(symbol):
    """`A` of `A::b` and of `A`; nothing of a function or constant by itself,
    whose names begin with a small letter."""
    name = symbol.partition('#')[0].partition('::')[0]
    return name if name[:1].isupper() else ''


def renamed(lines, before, after):
    """The lines with one class called as its successor."""
    word = re.compile(rf'\b{re.escape(before)}\b')
    return [word.sub(after, line) for line in lines]


def matches(old, new):
    """The stretches (from, to, from, to, same) of two texts. Braces alone
    between two changes belong to them."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    codes = [(tag == 'equal', *where) for tag, *where in matcher.get_opcodes()]
    found = []
    for number, (same, a, b, c, d) in enumerate(codes):
        amid = 0 < number < len(codes) - 1
        if same and amid and all(BRACES.fullmatch(line) for line in old[a:b]):
            same = False
        if found and not same and not found[-1][4]:
            a, c = found[-1][0], found[-1][2]
            found.pop()
        found.append((a, b, c, d, same))
    return found


def changes(old, new):
    """Yields the lines of a diff; what is far from any change is left out."""
    found = matches(old, new)
    for number, (a, b, c, d, same) in enumerate(found):
        if not same:
            yield from ('-' + line for line in old[a:b])
            yield from ('+' + line for line in new[c:d])
            continue
        head = CONTEXT if number > 0 else 0
        tail = CONTEXT if number < len(found) - 1 else 0
        if b - a <= head + tail + 1:
            head, tail = b - a, 0
        yield from (' ' + line for line in old[a:a + head])
        if b - a > head + tail:
            yield ' …'
        yield from (' ' + line for line in old[b - tail:b])


def difference(root, what):
    """What a `diff` directive asks for, as lines."""
    words, comments = split_comments(what)
    if not 2 <= len(words) <= 4:
        raise Wrong('diff: wants two files, and symbols if you like')
    files, symbols = words[:2], (words[2:] * 2)[:2]
    if not symbols:
        texts = [source(root, file).split('\n') for file in files]
    else:
        texts = [find(root, file, symbol, comments)
                 for file, symbol in zip(files, symbols)]
        before, after = map(class_of, symbols)
        if before and after and before != after:
            texts[0] = renamed(texts[0], before, after)
    folder = os.path.commonpath(list(map(os.path.dirname, files)))
    names = [os.path.relpath(file, folder or '.') for file in files]
    if symbols:
        names = [f'{name}: {symbol}' for name, symbol in zip(names, symbols)]
    return [f'--- {names[0]}', f'+++ {names[1]}', *changes(*texts)]
