"""Draws a record byte by byte."""

import struct

import svg
from programs import Programs
from wrong import Wrong

HEADER = (('crc', '>I', 'blue'), ('tstamp', '>I', 'purple'),
          ('ksz', '>H', 'orange'), ('vsz', '>I', 'green'))
VARIES = ('crc', 'tstamp')  # from run to run


def fields_of(record, dumped):
    """Cuts a record into (name, bytes, colour) and holds each field against
    what `dump` says of it."""
    fields, at = [], 0
    for name, form, colour in HEADER:
        size = struct.calcsize(form)
        piece = record[at:at + size]
        told = dumped.get(name)
        if told is None:
            raise Wrong(f'picture: dump tells of no {name}: the record is not binary')
        read = (piece.hex() if name == 'crc'
                else str(struct.unpack(form, piece)[0]))
        if told != read:
            raise Wrong(f'dump says {name}={told}, the bytes are {read}')
        fields.append((name, piece, colour))
        at += size
    for name, size, colour in (('key', int(dumped['ksz']), 'orange'),
                               ('value', int(dumped['vsz']), 'green')):
        fields.append((name, record[at:at + size], colour))
        at += size
    if at != len(record):
        raise Wrong(f'the record has {len(record)} bytes, its fields {at}')
    return fields


def draw_field(drawing, x, y, field, cell, offset):
    name, piece, colour = field
    width = cell * len(piece)
    drawing.text(x + width / 2, y - 10, name, 'ink', 'middle')
    for at, byte in enumerate(piece):
        left = x + at * cell
        drawing.box(left, y, cell, cell, colour, name in VARIES)
        if name not in VARIES:
            drawing.text(left + cell / 2, y + cell / 2 + 5, f'{byte:02x}',
                         'ink mono', 'middle')
        if name in ('key', 'value') and 0x20 < byte < 0x7f:
            drawing.text(left + cell / 2, y + cell + 18, chr(byte),
                         'ink mono', 'middle')
    if name in ('ksz', 'vsz'):
        drawing.text(x + width / 2, y + cell + 18,
                     f'= {int.from_bytes(piece, "big")}', 'ink', 'middle')
    if name in VARIES:
        drawing.text(x + width / 2, y + cell + 18, 'varies', 'faint',
                     'middle')
    drawing.text(x + 2, y + cell + 38, str(offset), 'faint small')


def record(binaries, stage, key, value):
    with Programs(binaries) as programs:
        programs.run(stage, 'set', key, value)
        (name, offset, size, _, dumped), = programs.dump(stage)
        data = programs.file(stage, name)[offset:offset + size]
    fields = fields_of(data, dumped)
    cell = 32
    most = (svg.WIDTH - 2 * svg.MARGIN) // cell
    if max(len(fields[-2][1]) + len(fields[-1][1]), 14) > most:
        raise Wrong(f'a record of so many bytes has no room: {key} {value}')
    drawing = svg.Picture(
        f'The record of {key} = {value}, byte by byte',
        f'{len(data)} bytes: ' + ', '.join(
            f'{name} {len(piece)} bytes' + (
                ', another in each record' if name in VARIES
                else f' ({piece.hex(" ")})')
            for name, piece, _ in fields) + '.')
    drawing.text(svg.MARGIN, 30,
                 f'{key} = {value}: a record of {len(data)} bytes',
                 'ink bold')
    offset = 0
    for row, top in ((fields[:4], 80), (fields[4:], 190)):
        x = svg.MARGIN
        for field in row:
            draw_field(drawing, x, top, field, cell, offset)
            x += cell * len(field[1])
            offset += len(field[1])
    drawing.text(x + 2, 190 + cell + 38, str(offset), 'faint small')
    drawing.text(x + 20, 190 + 13, 'crc: the checksum of', 'faint small')
    drawing.text(x + 20, 190 + 31, f'bytes 4 to {offset - 1}', 'faint small')
    return drawing.svg(276)
