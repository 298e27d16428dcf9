"""Lessons on the commands that every stage has."""

import json

from lesson import lesson
from program import Failed, contents, listed


@lesson('A value comes back', 'contract.md#commands')
def value_comes_back(t):
    """A store that loses or changes what it was given is none."""
    t.set('city', 'Rome')
    t.get('city', 'Rome')


@lesson('The last write wins', 'contract.md#commands')
def last_write_wins(t):
    """In a log both values are there. The later one in the file was written
    later, so it is the answer."""
    t.set('city', 'Rome')
    t.set('river', 'Tiber')
    t.set('city', 'Oslo')
    t.get('city', 'Oslo')
    t.get('river', 'Tiber')
    t.batch(*[('set', 'city', f'number {i}') for i in range(300)])
    t.get('city', 'number 299')


@lesson('A key that is not there', 'contract.md#exit-codes')
def absent_key(t):
    """A script has to tell "there is no value" from an empty value and from
    an error, so this has an exit code of its own."""
    t.set('city', 'Rome')
    t.get('town', None)


@lesson('A key is the whole key', 'contract.md#commands')
def whole_keys(t):
    """Whoever compares only a part, or finds the key inside a value, gives
    one key's value to another."""
    t.batch(('set', 'ab', '1'), ('set', 'b', '2'), ('set', 'abc', '3'),
            ('set', 'x', 'a'), ('set', 'B', '4'))
    t.get('a', None)
    t.get('ab', '1')
    t.get('b', '2')
    t.get('abc', '3')
    t.get('bc', None)
    t.get('abcd', None)
    t.get('1', None)
    t.get('B', '4')


@lesson('A value is kept to the byte', 'contract.md#what-a-store-can-hold')
def exact_values(t):
    """Nothing in a value belongs to the store: no comma, no space at its
    end, no byte that is not text."""
    values = ['', ' ', ' two  spaces ', 'a,b,,c', ',', '=', 'tab\there',
              'back\\slash', '"quoted"', "'single'", 'é ü 漢 🙂', 'end\r',
              b'\xff\xfe\x80', 'key,value', '%s%n', '\\n', '\\x41']
    for value in values:
        t.set('k', value)
        t.get('k', value)


@lesson('Long keys and long values', 'contract.md#what-a-store-can-hold')
def long_ones(t):
    """A buffer of a fixed size, or a length in too few bytes, works until
    somebody has more."""
    key = 'k' * 65535
    value = 'v' * 1_500_000
    t.batch(('set', key, 'long key'), ('set', 'long value', value),
            ('set', 'k' * 65534, 'one less'), ('set', 'k', 'one'))
    t.get('long value', value)
    t.get('k', 'one')
    got = t.batch(('get', key), ('get', 'k' * 65534))
    wanted = f'{key}\tlong key\n{key[:-1]}\tone less\n'
    if got.out != wanted.encode():
        got.fail('the values of the keys of 65,535 and 65,534 bytes')


@lesson('Many keys', 'contract.md#commands')
def many_keys(t):
    """Two thousand keys, each written up to three times in no order: a model
    in memory knows the answers."""
    model = {}
    lines = []
    for i in range(4000):
        key = f'key{i * 7919 % 2000}'
        model[key] = f'value {i} ' + 'x' * (i % 50)
        lines.append(('set', key, model[key]))
    t.batch(*lines)
    t.expect_pairs(model)
    got = t.batch(*[('get', key) for key in list(model)[::17]])
    wanted = ''.join(f'{k}\t{model[k]}\n' for k in list(model)[::17])
    got.prints(wanted)


@lesson('keys prints each live key once', 'contract.md#commands')
def keys_once(t):
    """The log holds a key as often as it was written; who asks for the keys
    wants each one once."""
    t.batch(('set', 'a', '1'), ('set', 'b', '2'), ('set', 'a', '3'),
            ('set', 'c', '4'), ('set', 'a', '5'))
    keys = t.keys()
    if sorted(keys) != [b'a', b'b', b'c']:
        raise Failed('the keys a, b and c, each once, in any order',
                     b' '.join(keys).decode() or 'nothing')


@lesson('scan is in ascending order, between its bounds', 'contract.md#commands')
def scan_bounds(t):
    """Order is by bytes and not by a language's alphabet, and FROM is part of
    the range while TO is not; so ranges can be put together without gaps."""
    keys = ['b', 'a', 'aa', 'B', 'é', 'z', 'ab', '10', '9', '-x']
    t.batch(*[('set', key, f'of {key}') for key in keys])
    t.set('a', 'newer')
    model = {key: f'of {key}' for key in keys} | {'a': 'newer'}

    def part(test):
        return {k: v for k, v in model.items() if test(k.encode())}
    t.expect_pairs(model)
    t.expect_pairs(part(lambda k: k >= b'aa'), 'aa')
    t.expect_pairs(part(lambda k: b'a' <= k < b'b'), 'a', 'b')
    t.expect_pairs(part(lambda k: b'9' <= k < b'B'), '9', 'B')
    t.expect_pairs({}, 'b', 'a')
    t.expect_pairs(part(lambda k: k < b'a'), '', 'a')
    t.expect_pairs({}, '', '')  # nothing is below the empty bound
    t.expect_pairs({}, 'éé')


@lesson('keys and scan escape what they print', 'contract.md#escapes')
def escapes_out(t):
    """A tab inside a key would end the field and shift what stands behind
    it. What is printed can be read back as a batch."""
    t.set('tab\tkey', 'back\\slash and tab\t.')
    t.run('keys').exits(0).prints('tab\\tkey\n')
    t.run('scan').exits(0).prints(
        'tab\\tkey\tback\\\\slash and tab\\t.\n')
    t.get('tab\tkey', 'back\\slash and tab\t.')


@lesson('Words behind the command are arguments', 'contract.md#usage')
def dashes(t):
    """Keys may begin with a dash, and somebody's key is called --help."""
    t.set('-k', '-v')
    t.get('-k', '-v')
    t.set('--help', '--sync')
    t.get('--help', '--sync')
    t.run('--', 'set', '--', 'two dashes').exits(0)
    t.run('--', 'get', '--').exits(0).prints('two dashes\n')


@lesson('Reading a store that is not there',
        'contract.md#reading-a-store-that-is-not-there')
def not_there(t):
    """It is an empty store. Who only asks must not leave a directory behind:
    the path may have been mistyped."""
    t.get('k', None)
    t.run('keys').exits(0).prints('')
    t.run('scan').exits(0).prints('')
    t.run('stats').exits(0)
    t.run('dump').exits(0)
    if t.db.exists():
        raise Failed('no directory where there was none', 'it was made')
    t.set('k', 'v')
    if not t.db.is_dir():
        raise Failed('a directory of that name, made by the first write',
                     'there is none', 'contract.md#names-and-places')


@lesson('Reading changes nothing on disk', 'contract.md#writers-and-readers')
def reading_changes_nothing(t):
    """Many may read at once, also somebody who may not write."""
    t.batch(('set', 'a', '1'), ('set', 'b', '2'), ('set', 'a', '3'))
    before = contents(t.db)
    t.get('a', '3')
    t.get('x', None)
    t.keys()
    t.scan()
    t.run('stats', '--json').exits(0)
    t.run('dump').exits(0)
    if contents(t.db) != before:
        raise Failed('every file as it was', 'a file has changed')


@lesson('A mistake in the usage is exit code 2', 'contract.md#errors')
def usage(t):
    """A script reads the exit code, a person the line. Neither is helped by
    a stack trace, and on standard output an error looks like an answer."""
    t.set('k', 'v')
    before = contents(t.db)
    for words in (['no-such-command'], ['set', 'k'], ['set', 'k', 'v', 'w'],
                  ['get'], ['get', 'k', 'l'], ['keys', 'k'], ['set']):
        t.run(*words).refuses()
    t.run('set', 'k', 'w', options=('--no-such-option',)).refuses()
    t.run('set', 'k', 'w', options=('--sync', 'sometimes')).refuses()
    t.launch([*t.command, '--db', str(t.db)]).refuses()
    if contents(t.db) != before:
        raise Failed('nothing changed on disk', 'a file has changed')


@lesson('help and version', 'contract.md#commands')
def help_and_version(t):
    """The program is all that a reader may have at hand."""
    for words in (['help'], ['--help'], ['--version']):
        t.done.append('PROGRAM ' + ' '.join(words))
        got = t.launch([*t.command, *words]).exits(0)
        if not got.out.strip():
            got.fail('something to read on standard output')
    if list(t.home.iterdir()):
        raise Failed('no file made by asking for help',
                     ' '.join(p.name for p in t.home.iterdir()))


def stats_of(t):
    got = t.run('stats', '--json').exits(0)
    try:
        stats = json.loads(got.out)
    except ValueError:
        got.fail('one JSON object')
    wanted = {'keys', 'live_bytes', 'dead_bytes', 'disk_bytes', 'files',
              'index_bytes', 'open_seconds'}
    if not isinstance(stats, dict) or not wanted <= stats.keys():
        got.fail('the members ' + ', '.join(sorted(wanted)))
    return stats, got


@lesson('stats counts what is there', 'contract.md#commands')
def stats_counts(t):
    """Live and dead bytes are what a merge is decided by, and what the next
    stage is better at."""
    t.batch(('set', 'a', '1'), ('set', 'b', '22'))
    first, _ = stats_of(t)
    t.set('a', '2')  # each in a process of its own: a memtable would keep one
    t.set('a', '3')
    stats, got = stats_of(t)
    if stats['keys'] != 2:
        got.fail('2 keys')
    record = (first['live_bytes'] - 1) // 2  # b's is a byte longer than a's
    if first['dead_bytes'] != 0 or record < 3:
        got.fail('live_bytes of two records and no dead_bytes before a key '
                 'was written again')
    if stats['live_bytes'] != first['live_bytes']:
        got.fail(f'still {first["live_bytes"]} live_bytes: the same two '
                 'records are live')
    if stats['dead_bytes'] != 2 * record:
        got.fail(f'{2 * record} dead_bytes: two records of a, of {record} '
                 'bytes each')
    size = sum(map(len, contents(t.db).values()))
    if not stats['live_bytes'] + stats['dead_bytes'] <= stats['disk_bytes'] \
            <= size:
        got.fail('disk_bytes of at least the records, and of at most the '
                 f'{size} bytes that all files have')


@lesson('dump shows every record', 'contract.md#commands')
def dump_shows(t):
    """A reader who can see the records, the dead ones, too, does not have to
    believe."""
    t.batch(('set', 'first', 'old'), ('set', 'second', '2'))
    t.set('first', 'new')
    got = t.run('dump').exits(0)
    lines = got.records()
    for key, words in ((b'first', (b'live', b'dead')), (b'second', (b'live',))):
        for word in words:
            if not any(key in line and word in line for line in lines):
                got.fail(f'a line for each record; one of {key.decode()} '
                         f'says {word.decode()}')
    if not any(b'old' in line and b'dead' in line for line in lines):
        got.fail('first = old to be the dead record')


@lesson('Two stores have nothing to do with each other',
        'contract.md#names-and-places')
def two_stores(t):
    """All that a store knows is in its directory."""
    t.set('k', 'here')
    t.set('k', 'there', db=t.home / 'other')
    t.get('k', 'here')
    t.get('k', 'there', db=t.home / 'other')
    t.db.rename(t.home / 'moved')
    t.done.append('mv store moved')
    t.get('k', 'here', db=t.home / 'moved')


@lesson("Files that are not the store's are left alone",
        'contract.md#names-and-places')
def foreign_files(t):
    """Somebody's notes lie in the directory. They are not data, and not
    rubbish."""
    t.set('k', 'v')
    (t.db / 'notes.md').write_text('mine\n')
    (t.db / 'folder').mkdir()
    (t.db / 'folder' / 'a').write_text('k,stranger\n')
    t.done.append('files of somebody else: store/notes.md store/folder/a')
    t.set('l', 'w')
    t.expect_pairs({'k': 'v', 'l': 'w'})
    found = contents(t.db)
    if (found.get('notes.md'), found.get('folder/a')) != (
            b'mine\n', b'k,stranger\n'):
        raise Failed('both files as they were', listed(sorted(
            (k.encode(), v) for k, v in found.items())))
