"""How the notebooks draw and speak: one look for all, bytes as boxes."""

import dataclasses
import textwrap

import matplotlib
import matplotlib.pyplot as plt
from IPython.display import Markdown, display
from matplotlib import patches
from matplotlib.transforms import ScaledTranslation

INK, MUTED, LINE, PAPER = '#1d2126', '#5c646e', '#e3e0da', '#ffffff'

# The stages' colours, in the order of the story; the tour's report has the same.
_STAGES = ('#0072b2', '#d55e00', '#009e73', '#8a4f9e', '#b8860b', '#3a9bd9',
           '#c2477f', '#4d5a66', '#7a9a01', '#9c5b33')

# What bytes are worth, and what a store answers.
STATES = {'live': '#2a9d8f', 'dead': '#d9d4cb', 'tombstone': '#7a5c8e',
          'torn': '#e3a83b', 'damaged': '#c8403a'}
GOOD, QUIET, WARY, BAD = '#2a9d8f', '#e9e6e0', '#e3a83b', '#c8403a'

_FIELDS = {'crc': '#f5d2b3', 'tstamp': '#e8e4dc', 'ksz': '#d5e6f3',
           'vsz': '#cfe8dd', 'total_size': '#cfe8dd', 'offset': '#e6d8ec',
           'key': '#aed0ea', 'value': '#a5d8c4'}
_OTHER_FIELD = '#e8e4dc'
_MONO = 'DejaVu Sans Mono'


def setup():
    """Sets the look of figures and tables. To be called in the first cell."""
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    set_matplotlib_formats('retina')
    matplotlib.rcParams.update({
        'figure.figsize': (9.5, 4.2), 'figure.facecolor': PAPER,
        'figure.constrained_layout.use': True,
        'font.size': 10.5, 'text.color': INK,
        'axes.edgecolor': '#b9b4aa', 'axes.labelcolor': MUTED,
        'axes.titlesize': 12, 'axes.titleweight': 'bold',
        'axes.titlelocation': 'left', 'axes.titlepad': 10,
        'axes.spines.top': False, 'axes.spines.right': False,
        'axes.axisbelow': True, 'axes.grid': True,
        'grid.color': LINE, 'grid.linewidth': 0.8,
        'xtick.color': MUTED, 'ytick.color': MUTED,
        'xtick.minor.visible': False, 'ytick.minor.visible': False,
        'lines.linewidth': 2.2, 'lines.markersize': 6,
        'lines.solid_capstyle': 'round', 'legend.frameon': False,
    })


def tell(text):
    """Shows Markdown; what it says is computed, so that it cannot go stale."""
    display(Markdown(textwrap.dedent(text)))


def table(frame):
    """A data frame to look at: words left, numbers right, nothing for NA."""
    def shown(value):
        if isinstance(value, bool) or not hasattr(value, '__index__'):
            return f'{value:,.2f}' if isinstance(value, float) else str(value)
        return f'{value:,}'
    words = [number for number, name in enumerate(frame)
             if frame[name].dtype == object]
    left = ['th.row_heading', 'th.index_name']
    left += [f'.col{number}' for number in words]
    return frame.style.format(shown, na_rep='').set_table_styles(
        [{'selector': one, 'props': 'text-align: left'} for one in left])


def colour(stage):
    """The colour of a stage, given its name."""
    return _STAGES[int(stage[:2]) - 1]


def name_lines(ax, names, size=10, apart=14):
    """Writes each line's name at its right end, instead of a legend.

    `names` has a name for each line of the axes, in order; None for none.
    Names keep `apart` points from each other.
    """
    ax.figure.canvas.draw()  # so that the places are known
    ends = []
    for line, name in zip(ax.lines, names):
        if name is not None:
            x, y = line.get_xydata()[-1]
            ends.append([ax.transData.transform((x, y))[1], (x, y), name,
                         line.get_color()])
    ends.sort(key=lambda end: end[0])
    pixels = apart * ax.figure.dpi / 72
    places = [end[0] for end in ends]
    for _ in range(100):  # push neighbours apart until none is too near
        for low in range(len(places) - 1):
            missing = pixels - (places[low + 1] - places[low])
            if missing > 0.1:
                places[low] -= missing / 2
                places[low + 1] += missing / 2
    for place, (pixel, point, name, its_colour) in zip(places, ends):
        ax.annotate(name, point, xytext=(8, (place - pixel) * 72 /
                                         ax.figure.dpi),
                    textcoords='offset points', color=its_colour, size=size,
                    va='center', weight='bold', annotation_clip=False)


@dataclasses.dataclass
class Field:
    """Some bytes of a file that belong together."""

    name: str           # 'ksz'
    bytes: bytes        # as they lie there
    meaning: str = ''   # what they say: '4'
    colour: str = None


def boxes(rows, title=None, offsets=None, box=0.4):
    """Draws bytes, a row of fields each: hex, the character, what it means.

    `offsets` says where each row begins in its file; `box` is the width of a
    byte in inches. A byte that is no printable character shows hex alone.
    """
    widest = max(sum(len(field.bytes) for field in row) for row in rows)
    height = 3.6 if any(field.meaning for row in rows for field in row) else 3.0
    figure, ax = plt.subplots(
        figsize=(box * (widest + 2.2), box * height * len(rows) + 0.35),
        layout='none')
    figure.subplots_adjust(left=0, right=1, bottom=0,
                           top=1 - 0.35 / figure.get_figheight())
    ax.set(xlim=(-2, widest + 0.2), ylim=(-height * len(rows), 0))
    ax.axis('off')
    if title:
        ax.set_title(title, pad=4, x=0.01)
    for number, row in enumerate(rows):
        base = -height * number - 2.5
        at = 0
        if offsets is not None:
            ax.text(-0.25, base + 0.65, f'{offsets[number]}', ha='right',
                    va='center', color=MUTED, size=9, family=_MONO)
        for field in row:
            _draw_field(ax, field, at, base)
            at += len(field.bytes)
    return ax


def _draw_field(ax, field, at, base):
    fill = field.colour or _FIELDS.get(field.name, _OTHER_FIELD)
    text = field.name in ('key', 'value', ',', '⏎')
    for index, byte in enumerate(field.bytes):
        ax.add_patch(patches.Rectangle((at + index, base), 1, 1.3, facecolor=fill,
                                       edgecolor='white', linewidth=1.5))
        shown = text and 0x21 <= byte < 0x7f
        middle = at + index + 0.5
        ax.text(middle, base + (0.36 if shown else 0.65), f'{byte:02x}',
                ha='center', va='center', family=_MONO,
                size=7.5 if shown else 10, color=MUTED if shown else INK)
        if shown:
            ax.text(middle, base + 0.87, chr(byte), ha='center', va='center',
                    family=_MONO, size=12, color=INK)
    end = at + len(field.bytes)
    middle = (at + end) / 2
    ax.plot([at + 0.08, end - 0.08], [base + 1.48] * 2, color=MUTED,
            linewidth=1)
    ax.text(middle, base + 1.62, field.name, ha='center', va='bottom',
            size=9.5, color=INK, weight='bold')
    ax.text(middle, base - 0.18, field.meaning, ha='center', va='top', size=9,
            color=MUTED)


def strips(rows, names, kinds, title=None, parts=None, xlabel=None, height=0.42):
    """Draws a strip of coloured cells for each row, and a legend above.

    `rows` holds a list of kinds for each name, `kinds` a colour for each kind.
    `parts` names stretches of cells, one after the other: name to length.
    """
    _, ax = plt.subplots(figsize=(9.5, height * len(rows) + 1.45))
    for y, row in enumerate(rows):
        start = 0
        for x in range(1, len(row) + 1):  # neighbours of one kind are one bar
            if x == len(row) or row[x] != row[start]:
                ax.barh(y, x - start, left=start, height=0.82,
                        color=kinds[row[start]], linewidth=0)
                start = x
    ax.set(yticks=range(len(rows)), yticklabels=names, xlabel=xlabel,
           xlim=(0, max(len(row) for row in rows)),
           ylim=(len(rows) - 0.45, -0.55))
    ax.tick_params(axis='y', length=0, labelcolor=INK)
    ax.grid(False)
    ax.spines['left'].set_visible(False)
    at = 0
    for name, length in (parts or {}).items():
        if at:
            ax.axvline(at, color=PAPER, linewidth=4)
            ax.axvline(at, color=INK, linewidth=1)
        ax.annotate(name, (at + length / 2, -0.5), ha='center', va='bottom',
                    color=MUTED, size=9.5, xytext=(0, 3),
                    textcoords='offset points')
        at += length
    used = {kind for row in rows for kind in row}
    legend(ax, {kind: its for kind, its in kinds.items() if kind in used},
           lift=1.6 if parts else 0)
    if title:
        ax.set_title(title, pad=46 if parts else 28)
    return ax


def legend(ax, colours, lift=0, columns=None):
    """Coloured squares with their names, `lift` lines above the axes."""
    up = ScaledTranslation(0, lift * 13 / 72, ax.figure.dpi_scale_trans)
    ax.legend(handles=[patches.Patch(color=its, label=name)
                       for name, its in colours.items()],
              loc='lower left', bbox_to_anchor=(-0.01, 1.0),
              bbox_transform=ax.transAxes + up, ncols=columns or len(colours),
              handlelength=1, handleheight=1, columnspacing=1.4,
              handletextpad=0.5, borderaxespad=0.2, labelcolor=INK)
