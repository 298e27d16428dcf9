"""Draws in SVG, for light and for dark pages: a picture that stands in a page
as an image inherits nothing from it, so each brings its own paper and ink."""

import html

LIGHT = {'paper': '#ffffff', 'ink': '#1f2328', 'faint': '#59636e',
         'grid': '#d1d9e0', 'blue': '#0969da', 'orange': '#bc4c00',
         'green': '#1a7f37', 'purple': '#8250df', 'red': '#cf222e'}
DARK = {'paper': '#0d1117', 'ink': '#e6edf3', 'faint': '#9198a1',
        'grid': '#3d444d', 'blue': '#4493f8', 'orange': '#f0883e',
        'green': '#3fb950', 'purple': '#ab7df8', 'red': '#ff7b72'}

# As wide as text can be that a telephone still shows in a legible size.
WIDTH = 480
MARGIN = 16


def number(value):
    """A coordinate with at most one decimal."""
    return f'{value:.1f}'.removesuffix('.0')


def attributes(given):
    words = {'class_': 'class'}
    return ''.join(
        f' {words.get(name, name.replace("_", "-"))}='
        f'"{number(value) if isinstance(value, (int, float)) else value}"'
        for name, value in given.items() if value is not None)


def style():
    """The colours, then how they are put on."""
    def rules(colours):
        for name, colour in colours.items():
            yield f'.{name} {{ fill: {colour}; stroke: {colour}; }}'

    return [
        *rules(LIGHT),
        '@media (prefers-color-scheme: dark) {', *rules(DARK), '}',
        'text { font: 16px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }',
        '.words { stroke: none; }',
        '.small { font-size: 14px; }',
        '.bold { font-weight: 600; }',
        '.mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; }',
        '.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }',
        '.thin { fill: none; stroke-width: 1; }',
        '.tint { fill-opacity: 0.18; stroke-width: 1.5; }',
        '.hatch { stroke-width: 2; stroke-opacity: 0.35; }',
    ]


class Picture:
    """An image that is put together from above to below."""

    def __init__(self, title, description):
        self.title = title
        self.description = description
        self.parts = []

    def add(self, name, text=None, **given):
        """An element; `text` is what it holds."""
        inside = '/>' if text is None else f'>{html.escape(text)}</{name}>'
        self.parts.append(f'<{name}{attributes(given)}{inside}')

    def box(self, x, y, width, height, colour, hatched=False):
        """A frame, tinted or hatched."""
        fill = f'fill: url(#{colour}); fill-opacity: 1' if hatched else None
        self.add('rect', x=x, y=y, width=width, height=height,
                 class_=f'{colour} tint', style=fill)

    def line(self, points, colour, **given):
        path = ' '.join(f'{number(x)},{number(y)}' for x, y in points)
        self.add('polyline', points=path, class_=colour, **given)

    def text(self, x, y, words, look='ink', anchor=None):
        self.add('text', words, x=x, y=y, class_=f'{look} words', text_anchor=anchor)

    def svg(self, height):
        """The whole file."""
        hatches = [
            f'<pattern id="{colour}" width="6" height="6" '
            'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            f'<path d="M0 0V6" class="{colour} hatch"/></pattern>'
            for colour in LIGHT if f'url(#{colour})' in ''.join(self.parts)]
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'width="{WIDTH}" height="{number(height)}" '
            f'viewBox="0 0 {WIDTH} {number(height)}">',
            f'<title>{html.escape(self.title)}</title>',
            f'<desc>{html.escape(self.description)}</desc>',
            '<style>', *style(), '</style>',
            *(['<defs>', *hatches, '</defs>'] if hatches else []),
            f'<rect width="{WIDTH}" height="{number(height)}" rx="6" '
            'class="paper"/>',
            *self.parts, '</svg>', '']
        return '\n'.join(lines)
