"""Draws how many bytes one get reads, stage by stage."""

import math
import re

import svg
from programs import Programs
from wrong import Wrong

STAGES = ('01_scan_log', '02_reverse_scan', '03_hash_index', '04_keydir',
          '05_segments', '06_compaction', '07_bitcask', '08_sstables',
          '09_lsm_tree')
COLOURS = ('blue', 'orange', 'green', *['purple'] * 4, 'ink', 'red')
# How much a library makes of a block is the library's.
OPTIONS = {stage: ('--compression', 'none')
           for stage in ('08_sstables', '09_lsm_tree')}
# So few writes would all lie in the log that the open replays.
IS_COMPACTED = ('09_lsm_tree',)
COUNTS = (10, 100, 1000, 10000)
READ = re.compile(r'read .*?  offset \d+  ([\d,]+) bytes  (.*)')
# Why an open reads. What is read for any other reason is the get's.
OF_THE_OPEN = ('rebuild the index', 'whose slot is it?', 'fill the keydir',
               'read the hints', 'read the footer', 'read the sparse index',
              'read the manifest', 'read the Bloom filter')
# The hash of stage 03 is another at each open. About one get in a thousand
# meets the slot of another key first; the least of three opens does not.
OPENS = {'03_hash_index': 3}


def reads(explained):
    """The reads in a ledger as (bytes, why)."""
    return [(int(size.replace(',', '')), why)
            for size, why in READ.findall(explained)]


def bytes_of_a_get(programs, stage, key):
    found = []
    for _ in range(OPENS.get(stage, 1)):
        _, explained = programs.run(stage, '--explain', 'get', key,
                                    may_fail=True)
        if 'total:' not in explained:
            raise Wrong(f'{stage}: {explained.strip()}')
        found.append(sum(size for size, why in reads(explained)
                         if why not in OF_THE_OPEN))
    return min(found)


def measure_gets(binaries):
    """A list of bytes, one a count, by key and stage."""
    found = {key: {stage: [] for stage in STAGES}
             for key in ('oldest', 'newest', 'missing')}
    for count in COUNTS:
        # The one that is missing would stand among the others, where a file
        # that is sorted has to be looked into.
        keys = {'oldest': f'key{1:05}', 'newest': f'key{count:05}',
                'missing': f'key{1:05}?'}
        sets = ''.join(f'set\tkey{i:05}\t{"v" * 90}\n'
                       for i in range(1, count + 1))
        with Programs(binaries) as programs:
            for stage in STAGES:
                programs.run(stage, *OPTIONS.get(stage, ()), 'batch',
                             given=sets)
                if stage in IS_COMPACTED:
                    programs.run(stage, *OPTIONS[stage], 'compact')
                _, opened = programs.run(stage, '--explain', 'batch')
                for _, why in reads(opened):
                    if why not in OF_THE_OPEN:
                        raise Wrong(f'{stage} opens with a read that is not '
                                    f'known here: {why}')
                for which, key in keys.items():
                    found[which][stage].append(
                        bytes_of_a_get(programs, stage, key))
    return found


def names_of(stages):
    """`01`, `01, 02`, `03–07` or `04–07, 09`."""
    rows = []  # of stages that follow each other
    for stage in stages:
        at = STAGES.index(stage)
        if rows and rows[-1][-1] == at - 1:
            rows[-1].append(at)
        else:
            rows.append([at])
    return ', '.join(
        f'{STAGES[row[0]][:2]}–{STAGES[row[-1]][:2]}' if len(row) > 2
        else ', '.join(STAGES[at][:2] for at in row) for row in rows)


class GetPanel:
    """One of the diagrams, both axes in powers of ten; below them is zero."""
    LEFT, RIGHT = 74, 382
    HEIGHT = 196
    DECADES = (2, 6)  # from 100 bytes to a megabyte
    STEP = 31
    NAMES = ('100 B', '1 kB', '10 kB', '100 kB', '1 MB')

    def __init__(self, drawing, top):
        self.drawing = drawing
        self.top = top
        self.zero = top + self.HEIGHT

    def x(self, count):
        decades = math.log10(COUNTS[-1] / COUNTS[0])
        return self.LEFT + (self.RIGHT - self.LEFT) * math.log10(
            count / COUNTS[0]) / decades

    def y(self, size):
        if size == 0:
            return self.zero
        return (self.zero - 1.4 * self.STEP
                - self.STEP * (math.log10(size) - self.DECADES[0]))

    def draw_axes(self, title):
        drawing = self.drawing
        drawing.text(svg.MARGIN, self.top, title)
        first, last = self.DECADES
        ticks = [(10 ** power, name) for power, name
                 in zip(range(first, last + 1), self.NAMES)]
        for size, name in [(0, '0'), *ticks]:
            y = self.y(size)
            drawing.line([(self.LEFT, y), (self.RIGHT, y)], 'grid thin')
            drawing.text(self.LEFT - 8, y + 5, name, 'faint small', 'end')
        for count in COUNTS:
            drawing.text(self.x(count), self.zero + 20, f'{count:,}',
                         'faint small', 'middle')

    def are_alike(self, one, other):
        """Whether two lines can't be told apart here."""
        return all(abs(self.y(a) - self.y(b)) < 3 for a, b in zip(one, other))

    def draw_lines(self, sizes):
        """The sizes of each stage; those that lie on each other are named
        together, and drawn in turns of their colours."""
        groups = []
        for stage in STAGES:
            for group in groups:
                if self.are_alike(sizes[group[0]], sizes[stage]):
                    group.append(stage)
                    break
            else:
                groups.append([stage])
        for group in groups:
            points = [(self.x(count), self.y(size)) for count, size
                      in zip(COUNTS, sizes[group[0]])]
            colours = list(dict.fromkeys(
                COLOURS[STAGES.index(stage)] for stage in group))
            for turn, colour in enumerate(colours):
                self.drawing.line(
                    points, f'{colour} line',
                    stroke_dasharray='10 10' if turn else None)
            x, y = points[-1]
            self.drawing.text(x + 10, y + 5, names_of(group), 'ink')


def costs_of_a_get(binaries):
    sizes = measure_gets(binaries)
    panels = (('oldest', 'of the key written first'),
              ('newest', 'of the key written last'),
              ('missing', 'of a key that is not there'))
    drawing = svg.Picture(
        'What one get reads, stage by stage',
        'Bytes read by one get in stores of '
        + ', '.join(f'{count:,}' for count in COUNTS) + ' records. '
        + ' '.join(f'A get {words}: ' + '; '.join(
            f'stage {stage[:2]} '
            + ', '.join(f'{size:,}' for size in sizes[which][stage])
            for stage in STAGES) + '.' for which, words in panels))
    drawing.text(svg.MARGIN, 30, 'Bytes that one get reads, by stage',
                 'ink bold')
    y = 62
    for which, words in panels:
        panel = GetPanel(drawing, y)
        panel.draw_axes(words)
        panel.draw_lines(sizes[which])
        y += GetPanel.HEIGHT + 56
    drawing.text((GetPanel.LEFT + GetPanel.RIGHT) / 2, y - 12,
                 'records in the store', 'faint small', 'middle')
    return drawing.svg(y + 4)
