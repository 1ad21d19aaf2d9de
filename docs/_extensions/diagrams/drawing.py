# SPDX-License-Identifier: Apache-2.0
"""Parts of pictures, as SVG. Colours are classes that the site's style sheet sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

Point = tuple[float, float]
# A graph's nodes around (0, 0), and its edges.
NODES: Sequence[Point] = ((-34, -6), (-8, -30), (28, -22), (36, 12), (4, 6), (-18, 28))
EDGES = ((0, 1), (0, 4), (1, 2), (1, 4), (2, 3), (3, 4), (4, 5), (0, 5))


def text(x: float, y: float, words: str, kind: str = "label") -> str:
    """Centred words; a line break starts another line."""
    lines = words.split("\n")
    spans = "".join(
        f'<tspan x="{x}" dy="{0 if not n else 16}">{escape(line)}</tspan>'
        for n, line in enumerate(lines)
    )
    start = y - 8 * (len(lines) - 1)
    return f'<text class="{kind}" x="{x}" y="{start + 4.5}">{spans}</text>'


def box(x: float, y: float, words: str, kind: str = "box", width: float = 84) -> str:
    """A network, (x, y) being its middle."""
    return (
        f'<rect class="{kind}" x="{x - width / 2}" y="{y - 19}" width="{width}" '
        f'height="38" rx="8"/>' + text(x, y, words)
    )


def arrow(start: Point, end: Point, kind: str = "line", both: bool = False) -> str:
    """A straight arrow."""
    first = ' marker-start="url(#tip)"' if both else ""
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"{first} '
        'marker-end="url(#tip)"/>'
    )


def line(start: Point, end: Point, kind: str = "line") -> str:
    """A line without a tip."""
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def arc(start: Point, end: Point, height: float, kind: str = "line") -> str:
    """A curved arrow; a positive height bends it upwards."""
    (x1, y1), (x2, y2) = start, end
    middle = f"{(x1 + x2) / 2} {min(y1, y2) - height}"
    return (
        f'<path class="{kind}" d="M {x1} {y1} Q {middle} {x2} {y2}" '
        'marker-end="url(#tip)"/>'
    )


def dot(x: float, y: float, kind: str = "strong", radius: float = 6) -> str:
    """An embedding or a node."""
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}"/>'


def image(x: float, y: float, zoom: float = 1.0, shift: float = 0.0) -> str:
    """A picture of a hill and a sun, or a crop of it; (x, y) is its middle."""
    name = f"crop-{x:g}-{y:g}".replace(".", "_")
    return (
        f'<clipPath id="{name}"><rect x="-24" y="-24" width="48" height="48" rx="7"/>'
        f'</clipPath><g transform="translate({x} {y})"><g clip-path="url(#{name})">'
        '<rect class="sky" x="-24" y="-24" width="48" height="48"/>'
        f'<g transform="scale({zoom}) translate({shift} {shift / 2})">'
        '<circle class="sun" cx="9" cy="-9" r="7"/>'
        '<path class="hill" d="M -40 40 L -10 -8 L 6 12 L 16 2 L 50 40 Z"/></g></g>'
        '<rect class="frame" x="-24" y="-24" width="48" height="48" rx="7"/></g>'
    )


def sound(x: float, y: float) -> str:
    """A recording; (x, y) is its middle."""
    heights = (6, 14, 22, 12, 30, 18, 26, 10, 16, 6)
    bars = "".join(
        f'<rect class="strong" x="{x - 29 + 6 * n}" y="{y - h / 2}" width="3.5" '
        f'height="{h}" rx="1.5"/>'
        for n, h in enumerate(heights)
    )
    return bars


def matrix(
    x: float, y: float, count: int, kind: Callable[[int, int], str], size: float = 24
) -> str:
    """A square of cells, (x, y) being its upper left corner."""
    return "".join(
        f'<rect class="{kind(row, column)}" x="{x + size * column}" '
        f'y="{y + size * row}" width="{size - 3}" height="{size - 3}" rx="3"/>'
        for row in range(count)
        for column in range(count)
    )


def graph(
    x: float, y: float, order: Sequence[int] = range(6), left_out: Iterable[int] = ()
) -> str:
    """A small graph whose nodes have the colours of `order`; some edges left out."""
    gone = set(left_out)
    parts = []
    for number, (a, b) in enumerate(EDGES):
        start, end = ((x + NODES[n][0], y + NODES[n][1]) for n in (a, b))
        parts.append(line(start, end, "gone" if number in gone else "edge"))
    for (dx, dy), color in zip(NODES, order, strict=True):
        parts.append(dot(x + dx, y + dy, f"node{color % 3}", 7))
    return "".join(parts)


def svg(parts: Iterable[str], height: float, title: str) -> str:
    """A picture of 720 units' width in a box that scrolls on narrow screens."""
    return (
        f'<div class="diagram"><svg viewBox="0 0 720 {height}" role="img" '
        f'aria-label="{escape(title)}"><defs><marker id="tip" viewBox="0 0 10 10" '
        'refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse">'
        '<path class="tip" d="M 0 0.5 L 10 5 L 0 9.5 Z"/></marker></defs>'
        f"{''.join(parts)}</svg></div>"
    )
