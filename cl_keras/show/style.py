# SPDX-License-Identifier: Apache-2.0
"""What the figures have in common: colours, axes, and how a label is named."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cl_keras import extras

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Ten hues told apart in common colour blindness, after Okabe & Ito and Tol.
PALETTE = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee"),
    *("#aa3377", "#e08214", "#555555", "#8c6bb1", "#a0522d"),
)
INK, FAINT = "#333333", "#d5d5d5"


def new_figure(width: float, height: float) -> Figure:
    """Makes an empty figure that pyplot knows nothing of."""
    matplotlib = extras.require("matplotlib.figure", extra="eval")
    return matplotlib.Figure(
        figsize=(width, height), dpi=144, layout="constrained", facecolor="white"
    )


def tidy(axes: Axes) -> Axes:
    """Takes away from axes what carries no data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(labelsize=8, color=FAINT, labelcolor=INK)
    axes.set_axisbelow(True)
    return axes


def colors_of(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name; more names than the palette has get hues in order."""
    if len(names) <= len(PALETTE):
        return dict(zip(names, PALETTE, strict=False))
    # Five sixths of the circle: the last hue is not the first again.
    hues = (5 / 6 * order / (len(names) - 1) for order in range(len(names)))
    parts = (colorsys.hls_to_rgb(hue, 0.5, 0.6) for hue in hues)
    texts = ("#" + "".join(f"{round(255 * x):02x}" for x in rgb) for rgb in parts)
    return dict(zip(names, texts, strict=True))


def class_name(label: int | str, class_names: Sequence[str] | None) -> str:
    """The name of a label, or its number; strings are their own names."""
    if isinstance(label, str):
        return label
    if class_names is not None and 0 <= label < len(class_names):
        return str(class_names[label])
    return str(label)
