# SPDX-License-Identifier: Apache-2.0
"""Small charts for the page, as SVG in its own colours, light or dark.

Text stays text: it can be selected, searched and read at any width.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard
from xml.etree import ElementTree

import numpy as np

from cl_keras import extras
from cl_keras.show.style import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = Sequence[tuple[float, float]]
Values = Sequence[float] | np.ndarray

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
# What the page's style sheet calls the colours of the figures.
_EDGE, _CARD = "#aab3c0", "#ffffff"
_VARIABLES = {
    INK: "var(--soft)",
    FAINT: "var(--line)",
    _EDGE: "var(--bar)",
    _CARD: "var(--card)",
}
_UNUSED = ("clip-path", "target", "width", "height", "version")
# A mark before the text that a browser shows for what is pointed at.
_TIP = "tip:"
# Width, height, and room for the texts at the left and below.
_WIDE, _SQUARE, _MARGIN = (320, 192, 50, 34), (200, 200, 12, 12), 12
# More points than pixels only make the page larger.
_MOST_POINTS = 400


def is_number(value: Any) -> TypeGuard[float]:
    """Tells numbers from all else that JSON holds, `true` and `false` among it."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def metric_names(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is a number in some epoch, in order, without the epoch itself."""
    names = (name for row in history for name, value in row.items() if is_number(value))
    return [name for name in dict.fromkeys(names) if name != "epoch"]


def metric_points(history: Sequence[Mapping[str, Any]], name: str) -> Points:
    """One metric over epochs."""
    return [
        (float(row.get("epoch", order)), float(row[name]))
        for order, row in enumerate(history, start=1)
        if is_number(row.get(name))
    ]


def draw_lines(
    axes: Axes,
    series: Mapping[str, Points],
    colors: Mapping[str, str],
    *,
    logarithmic: bool = False,
) -> None:
    """Draws lines with a dot at the end, which also shows a line of one point."""
    ticker = extras.require("matplotlib.ticker", extra="eval")
    for name, points in series.items():
        shown = list(points[:: -(-len(points) // _MOST_POINTS)])
        if shown[-1] != points[-1]:
            shown.append(points[-1])
        axes.plot(
            *zip(*shown, strict=True),
            color=colors[name],
            label=name,
            gid=_tip(name),
            linewidth=1.8,
            marker="o",
            markersize=4,
            markevery=[-1],
            clip_on=False,
        )
    steps = [1, 2, 5, 10]
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True, steps=steps))
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(ticker.NullLocator())
    else:
        axes.yaxis.set_major_locator(ticker.MaxNLocator(4, steps=steps))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axes.grid(axis="y", color=FAINT, linewidth=0.8)


def draw_shares(
    axes: Axes,
    edges: Values,
    shares: Mapping[str, Values],
    colors: Mapping[str, str],
) -> None:
    """Draws histograms over each other."""
    for name, values in shares.items():
        axes.stairs(
            values,
            edges,
            fill=True,
            facecolor=(colors[name], 0.4),
            edgecolor=colors[name],
            linewidth=1.2,
            label=name,
            gid=_tip(name),
        )
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)


def line_chart(
    title: str,
    series: Mapping[str, Points],
    colors: Mapping[str, str],
    *,
    x_title: str = "epoch",
    logarithmic: bool = False,
) -> str:
    """Lines over a common axis; nothing if no value can be drawn."""
    finite = {
        name: [
            (x, y) for x, y in points if math.isfinite(y) and (y > 0 or not logarithmic)
        ]
        for name, points in series.items()
    }
    finite = {name: points for name, points in finite.items() if points}
    if not finite:
        return ""
    figure, axes = _new_axes(*_WIDE, x_title)
    draw_lines(axes, finite, colors, logarithmic=logarithmic)
    return svg(figure, title)


def share_chart(
    title: str,
    edges: Values,
    shares: Mapping[str, Values],
    colors: Mapping[str, str],
    x_title: str,
) -> str:
    """Histograms over a common axis."""
    figure, axes = _new_axes(*_WIDE, x_title)
    draw_shares(axes, edges, shares, colors)
    return svg(figure, title)


def graph_chart(
    title: str,
    nodes: Sequence[tuple[float, float, str, str]],
    edges: Sequence[tuple[int, int]],
) -> str:
    """Nodes with a colour and a text, joined by lines; the first is the centre."""
    figure, axes = _new_axes(*_SQUARE)
    xs, ys, colors, texts = zip(*nodes, strict=True)
    axes.plot(
        [x for a, b in edges for x in (xs[a], xs[b], math.nan)],
        [y for a, b in edges for y in (ys[a], ys[b], math.nan)],
        color=_EDGE,
        linewidth=0.8,
        clip_on=False,
    )
    # The centre last and larger: nodes of one size share a shape in the file.
    for part, size in ((slice(1, None), 80), (slice(0, 1), 200)):
        axes.scatter(
            xs[part],
            ys[part],
            size,
            colors[part],
            edgecolors=_CARD,
            linewidths=1,
            zorder=3,
            urls=[_tip(text) for text in texts[part]],
            clip_on=False,
        )
    axes.set(xlim=(-1, 1), ylim=(1, -1), xticks=(), yticks=())
    return svg(figure, title)


def svg(figure: Figure, title: str) -> str:
    """A figure as an element of the page, without what the page does not need."""
    matplotlib = extras.require("matplotlib", extra="eval")
    file = io.StringIO()
    # The title tells the names of shapes apart from those of other figures.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        figure.savefig(file, format="svg", transparent=True)
    root = ElementTree.fromstring(file.getvalue())
    for element in list(root.iter()):
        _clean(element)
    root.attrib |= {"class": "chart", "role": "img", "aria-label": title}
    text = ElementTree.tostring(root, "unicode")
    for color, variable in _VARIABLES.items():
        text = text.replace(f": {color}", f": {variable}")
    return text


def _clean(element: ElementTree.Element) -> None:
    """Keeps of an element what shows, and turns marked names into tips."""
    element.tag = element.tag.removeprefix(_SVG)
    for child in list(element):
        # A style of `*` would be one of the whole page.
        if child.tag.removeprefix(_SVG) in ("metadata", "style", "clipPath"):
            element.remove(child)
    given, element.attrib = element.attrib, {}
    for key, value in given.items():
        if key == "style":
            value = re.sub(r"font-family: [^;]*;? ?", "", value)
        elif key in ("d", "x", "y"):
            value = re.sub(r"(\.\d)\d+", r"\1", " ".join(value.split()))
        if key == _LINK:
            key = "href"
        if value.startswith(_TIP):
            element.tag = "g"
            tip = ElementTree.Element("title")
            tip.text = value.removeprefix(_TIP)
            element.insert(0, tip)
        elif not (
            key in _UNUSED
            or (key == "id" and element.tag != "path")
            or value.startswith("rotate(-0 ")
        ):
            element.attrib[key] = value
    if element.tag not in ("text", "title"):
        element.text = None
    element.tail = None


def _tip(text: str) -> str:
    """Marks a text; names of folders may hold what XML does not allow."""
    return _TIP + "".join(filter(str.isprintable, text))


def _new_axes(
    width: float, height: float, left: float, bottom: float, x_title: str = ""
) -> tuple[Figure, Axes]:
    """Axes without a frame in a figure of so many units, 72 an inch."""
    figures = extras.require("matplotlib.figure", extra="eval")
    figure = figures.Figure((width / 72, height / 72), frameon=False)
    corner = left / width, bottom / height
    size = 1 - (left + _MARGIN) / width, 1 - (bottom + _MARGIN) / height
    axes = figure.add_axes((*corner, *size), frameon=False)
    axes.tick_params(length=0, labelsize=10, labelcolor=INK)
    axes.set_xlabel(x_title, fontsize=10, color=INK, loc="right")
    return figure, axes
