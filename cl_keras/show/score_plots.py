# SPDX-License-Identifier: Apache-2.0
"""Scores of several encoders side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cl_keras.score_names import title_of
from cl_keras.show.style import FAINT, INK, PALETTE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def score_bars(rows: Sequence[Mapping[str, Any]], scores: Sequence[str]) -> Figure:
    """Horizontal bars of scores from 0 to 1, one group a row.

    Args:
        rows: Each with `name`, the scores, and `<score>_sd` where it is known; a
            missing score leaves a gap.
        scores: The scores shown, such as `["linear_accuracy"]`.

    Returns:
        The figure, with the value written at each bar.

    Raises:
        ValueError: If there are no rows or no scores.

    Example:
    >>> figure = score_bars([{"name": "simclr", "accuracy": 0.9}], ["accuracy"])
    >>> len(figure.axes[0].patches)
    1
    """
    if not rows or not scores:
        raise ValueError(
            "Expected at least one row and one score. "
            f"Received: {len(rows)} rows, {len(scores)} scores"
        )
    height = 0.8 / len(scores)
    figure = new_figure(6.4, 0.9 + 0.3 * len(rows) * len(scores))
    axes = tidy(figure.add_subplot())
    for order, score in enumerate(scores):
        shift = (order - (len(scores) - 1) / 2) * height
        present = [(line + shift, row) for line, row in enumerate(rows) if score in row]
        spreads = [row.get(f"{score}_sd", 0.0) for _, row in present]
        bars = axes.barh(
            [position for position, _ in present],
            [row[score] for _, row in present],
            height * 0.9,
            xerr=spreads if any(spreads) else None,
            color=PALETTE[order],
            ecolor=INK,
            label=title_of(score),
        )
        axes.bar_label(bars, fmt=lambda x: f"{100 * x:.1f} %", padding=2, fontsize=8)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    if len(scores) > 1:
        axes.legend(
            frameon=False,
            fontsize=8,
            ncols=len(scores),
            loc="lower left",
            bbox_to_anchor=(0, 1),
        )
    return figure
