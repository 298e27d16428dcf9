"""Lessons on Bitcask's directory: other programs read and write it, too."""

import re
import struct
import zlib

from lesson import is_bitcask, lesson
from program import Failed, contents, listed

FILES = 'formats.md'
DATA = re.compile(r'(\d+)\.bitcask\.data')
HINT = re.compile(r'(\d+)\.bitcask\.hint')
TOMBSTONE = b'bitcask_tombstone'
END_OF_HINTS = 2**63 - 1


def record(key, value, stamp=1_700_000_000):
    body = struct.pack('>IHI', stamp, len(key), len(value)) + key + value
    return struct.pack('>I', zlib.crc32(body)) + body


def records_in(data):
    """(offset, key, value) of each record; an error names the offset."""
    at = 0
    while at < len(data):
        if len(data) - at < 14:
            raise Failed('whole records', f'{len(data) - at} bytes at {at}')
        crc, _, ksz, vsz = struct.unpack_from('>IIHI', data, at)
        end = at + 14 + ksz + vsz
        if end > len(data) or zlib.crc32(data[at + 4:end]) != crc:
            raise Failed('crc, tstamp, ksz, vsz, key and value, as big-endian '
                         'integers and bytes, the crc being that of all that '
                         'follows', f'no such record at offset {at}')
        yield at, data[at + 14:at + 14 + ksz], data[end - vsz:end]
        at = end


def data_files(directory):
    """The data files by number."""
    found = {int(match[1]): data for name, data in contents(directory).items()
             if (match := DATA.fullmatch(name))}
    if not found:
        raise Failed('files N.bitcask.data',
                     ' '.join(contents(directory)) or 'no file at all')
    return dict(sorted(found.items()))


@lesson("The data files are Bitcask's", FILES, where=is_bitcask)
def riak_reads(t):
    """Riak reads this directory, and so does every tool that was written for
    it. A number that is little-endian, or a checksum over other bytes, and it
    does not."""
    running = t.start('batch', '--ack')
    running.acknowledged('set', 'k', 'v')
    running.acknowledged('set', 'k2', 'a longer value')
    running.acknowledged('del', 'k')
    image = running.image('image')
    running.finish()
    pairs = {}
    for data in data_files(image).values():
        for _, key, value in records_in(data):
            if value.startswith(TOMBSTONE):
                pairs.pop(key, None)
            else:
                pairs[key] = value
    if pairs != {b'k2': b'a longer value'}:
        raise Failed('the records k = v, k2 = a longer value, and a tombstone '
                     'of k', listed(sorted(pairs.items())))


@lesson("It reads a directory that it has not written", FILES, where=is_bitcask)
def reads_riaks(t):
    """Bytes as Riak leaves them: two data files, a tombstone of each kind,
    and no hints."""
    t.db.mkdir()
    (t.db / '1.bitcask.data').write_bytes(
        record(b'a', b'old') + record(b'b', b'kept') + record(b'c', b'gone') +
        record(b'd', b'gone too') + record(b'e', b'gone as well'))
    (t.db / '3.bitcask.data').write_bytes(
        record(b'a', b'new', 1_600_000_000) + record(b'c', TOMBSTONE) +
        record(b'd', TOMBSTONE + b'1' + struct.pack('>I', 1)) +
        record(b'e', TOMBSTONE + b'2' + struct.pack('>I', 1)))
    t.done.append('store/1.bitcask.data and 3.bitcask.data as Riak writes them')
    t.expect_pairs({'a': 'new', 'b': 'kept'})
    t.set('f', 'written behind them')
    t.expect_pairs({'a': 'new', 'b': 'kept', 'f': 'written behind them'})


def hints_in(data):
    """Each (key, total size, offset, tombstone) of a hint file."""
    at = 0
    while at < len(data):
        if len(data) - at < 18:
            raise Failed('whole hints', f'{len(data) - at} bytes at {at}')
        _, ksz, total, packed = struct.unpack_from('>IHIQ', data, at)
        key = data[at + 18:at + 18 + ksz]
        offset = packed & END_OF_HINTS
        if ksz == 0 and offset == END_OF_HINTS:
            if total != zlib.crc32(data[:at]) or at + 18 != len(data):
                raise Failed('a last hint with the crc of all before it',
                             f'another at offset {at}')
            return
        yield key, total, offset, bool(packed >> 63)
        at += 18 + ksz
    raise Failed('a last hint with an empty key', 'none')


@lesson('A clean close leaves hints', FILES, where=is_bitcask)
def leaves_hints(t):
    """A hint is a record without its value. Who opens the store reads hints
    and not values."""
    t.batch(('set', 'k', 'v' * 1000), ('set', 'l', 'w'), ('del', 'l'))
    files = contents(t.db)
    for name, data in files.items():
        match = DATA.fullmatch(name)
        if not match or not data:
            continue
        hint = files.get(f'{match[1]}.bitcask.hint')
        if hint is None:
            raise Failed(f'{match[1]}.bitcask.hint beside {name}',
                         ' '.join(files))
        known = {at: (key, 14 + len(key) + len(value),
                      value.startswith(TOMBSTONE))
                 for at, key, value in records_in(data)}
        for key, total, offset, gone in hints_in(hint):
            if known.get(offset) != (key, total, gone):
                raise Failed(f'a record of {key.decode()} at offset {offset}, '
                             f'of {total} bytes, in {name}', 'there is none')


@lesson('Hints that are gone or damaged are made good', 'contract.md#damage',
        where=is_bitcask)
def bad_hints(t):
    """Hints are derived: all that they say stands in the data. Damaged ones
    must not make a key vanish."""
    pairs = {f'k{i}': f'value {i}' for i in range(8)}
    t.batch(*[('set', *pair) for pair in pairs.items()])
    t.batch(('del', 'k0'), ('set', 'k1', 'newer'))
    pairs['k1'] = 'newer'
    del pairs['k0']
    hints = [t.db / name for name in contents(t.db) if HINT.fullmatch(name)]
    if not hints:
        raise Failed('hint files', 'none')
    kept = {path: path.read_bytes() for path in hints}
    for path, data in kept.items():
        for at in range(0, len(data), max(1, len(data) // 12)):
            spoilt = bytearray(data)
            spoilt[at] ^= 0x10
            path.write_bytes(spoilt)
            t.done.append(f'byte {at} of {path.name} is changed')
            t.expect_pairs(pairs)
            path.write_bytes(data[:at])
            t.done.append(f'truncate -s {at} {path.name}')
            t.expect_pairs(pairs)
        path.unlink()
        t.done.append(f'rm {path.name}')
        t.expect_pairs(pairs)
    t.set('new', 'after')
    t.expect_pairs(pairs | {'new': 'after'})


@lesson('A stale lock file keeps nobody out', 'contract.md#writers-and-readers',
        where=is_bitcask)
def locks_of_others(t):
    """A lock file is a note of a process that may be dead, or that was a
    stranger's all along; its number says nothing. Only a lock that the
    system holds keeps others out."""
    t.set('k', 'v')
    for text in (b'', b'1 \n', b'garbage', b'999999999 x.bitcask.data\n'):
        for name in ('bitcask.write.lock', 'bitcask.merge.lock'):
            path = t.db / name
            path.unlink(missing_ok=True)
            path.write_bytes(text)
        t.done.append(f'lock files that hold {text!r}')
        t.set('k', 'w')
        t.run('compact').exits(0)
        t.get('k', 'w')


@lesson('A hint does not hide what was written behind it', 'contract.md#damage',
        where=is_bitcask)
def stale_hint(t):
    """After a clean close a process writes on and is killed: no hint tells of
    its records. Who believes the hints alone has lost them."""
    t.batch(('set', 'k', 'old'), ('set', 'l', 'w'))
    running = t.start('batch', '--ack')
    running.acknowledged('set', 'k', 'new')
    running.acknowledged('del', 'l')
    running.kill()
    t.expect_pairs({'k': 'new'})
    t.set('m', 'x')
    t.expect_pairs({'k': 'new', 'm': 'x'})
