# SPDX-License-Identifier: Apache-2.0
"""Charts as inline SVG, in the page's own colours, light or dark.

Text stays text: it can be selected, searched and read at any width. All texts are
escaped here.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from cl_keras.evaluate.figure_style import PALETTE

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 320.0, 180.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 12.0, 10.0, 24.0
# More points than pixels only make the page larger.
_MOST_POINTS = 400


def line_chart(
    title: str,
    series: Mapping[str, Points],
    *,
    x_title: str = "epoch",
    logarithmic: bool = False,
    colors: Mapping[str, str] | None = None,
) -> str:
    """Lines over a common axis."""
    kept = {
        name: [
            (x, math.log10(y) if logarithmic else y)
            for x, y in points
            if math.isfinite(y) and (y > 0 or not logarithmic)
        ]
        for name, points in series.items()
    }
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        return ""
    xs = [x for points in kept.values() for x, _ in points]
    ys = [y for points in kept.values() for _, y in points]
    frame = _Frame((min(xs), max(xs)), (min(ys), max(ys)))
    parts = [_axes(frame, x_title, logarithmic)]
    if colors is None:
        colors = {name: line_color(row, len(series)) for row, name in enumerate(series)}
    for name, points in kept.items():
        shown = points[:: -(-len(points) // _MOST_POINTS)]
        if shown[-1] != points[-1]:
            shown.append(points[-1])
        places = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in shown)
        parts.append(
            f'<polyline class="line" points="{places}" style="stroke:{colors[name]}">'
            f"<title>{html.escape(name)}</title></polyline>"
        )
        last_x, last_y = shown[-1]
        parts.append(
            f'<circle cx="{frame.x(last_x):.1f}" cy="{frame.y(last_y):.1f}" r="2.5" '
            f'style="fill:{colors[name]}"/>'
        )
    return _svg(title, parts)


def histogram(
    title: str,
    edges: Sequence[float],
    shares: Mapping[str, Sequence[float]],
    x_title: str,
) -> str:
    """Shares of pairs by bin, one translucent outline a kind."""
    top = max((max(values) for values in shares.values()), default=0.0) or 1.0
    frame = _Frame((edges[0], edges[-1]), (0.0, top))
    parts = [_axes(frame, x_title, False)]
    for order, (name, values) in enumerate(shares.items()):
        corners = [(edges[0], 0.0)]
        for low, high, value in zip(edges, edges[1:], values, strict=False):
            corners += [(low, value), (high, value)]
        corners.append((edges[-1], 0.0))
        places = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in corners)
        color = line_color(order, len(shares))
        parts.append(
            f'<polygon class="area" points="{places}" style="fill:{color};'
            f'stroke:{color}"><title>{html.escape(name)}</title></polygon>'
        )
    return _svg(title, parts)


def graph_drawing(
    title: str,
    nodes: Sequence[tuple[float, float, str, str]],
    edges: Sequence[tuple[int, int]],
) -> str:
    """Nodes at given places, joined by lines; the first is the centre."""
    half, margin = 100.0, 12.0
    places = [
        (half + (half - margin) * x, half + (half - margin) * y) for x, y, _, _ in nodes
    ]
    parts = [
        f'<line class="edge" x1="{places[a][0]:.1f}" y1="{places[a][1]:.1f}" '
        f'x2="{places[b][0]:.1f}" y2="{places[b][1]:.1f}"/>'
        for a, b in edges
    ]
    for row, ((x, y), (_, _, color, text)) in enumerate(
        zip(places, nodes, strict=True)
    ):
        parts.append(
            f'<circle class="node" cx="{x:.1f}" cy="{y:.1f}" r="{5.0 if row else 8.0}" '
            f'style="fill:{color}"><title>{html.escape(text)}</title></circle>'
        )
    return _svg(title, parts, 2 * half, 2 * half)


def line_color(order: int, count: int) -> str:
    """A colour of the palette; many lines get a sweep of hues in order instead."""
    if count <= len(PALETTE):
        return PALETTE[order]
    return f"hsl({210 + 120 * order / (count - 1):.0f} 55% 52%)"


class _Frame:
    """Maps values to places inside the axes."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x_range = x if x[1] > x[0] else (x[0] - 0.5, x[1] + 0.5)
        pad = 0.05 * (y[1] - y[0]) or max(abs(y[0]) * 0.1, 1e-6)
        self.y_range = (y[0] - pad if y[0] else 0.0, y[1] + pad)

    def x(self, value: float) -> float:
        low, high = self.x_range
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return (
            _HEIGHT
            - _BOTTOM
            - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)
        )


def _axes(frame: _Frame, x_title: str, logarithmic: bool) -> str:
    parts = []
    for tick in _ticks(*frame.y_range, 4):
        y = frame.y(tick)
        text = f"{10**tick:.0e}".replace("e-0", "e-") if logarithmic else _number(tick)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" '
            f'y2="{y:.1f}"/><text x="{_LEFT - 6}" y="{y + 3.5:.1f}" '
            f'text-anchor="end">{text}</text>'
        )
    bottom = _HEIGHT - 8
    # The axis' name stands at its right end: no tick may come near.
    end = _WIDTH - _RIGHT - 6.5 * len(x_title)
    for tick in _ticks(*frame.x_range, 5):
        x = frame.x(tick)
        if x < end:
            parts.append(
                f'<text x="{x:.1f}" y="{bottom}" text-anchor="middle">'
                f"{_number(tick)}</text>"
            )
    parts.append(
        f'<text x="{_WIDTH - _RIGHT}" y="{bottom}" text-anchor="end">'
        f"{html.escape(x_title)}</text>"
    )
    return "".join(parts)


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers between two values, about `count` of them."""
    rough = (high - low) / count
    if not rough > 0:
        return [low]
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(s * scale for s in (1, 2, 5, 10) if s * scale >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    ticks = [number * step for number in range(first, first + 2 * count + 2)]
    return [tick for tick in ticks if tick <= high + 1e-9 * step]


def _number(value: float) -> str:
    if value == 0 or abs(value) < 1e-12:
        return "0"
    if abs(value) >= 1e5 or abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.4g}"


def _svg(
    title: str, parts: Sequence[str], width: float = _WIDTH, height: float = _HEIGHT
) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{html.escape(title)}">{"".join(parts)}</svg>'
    )
