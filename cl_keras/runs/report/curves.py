# SPDX-License-Identifier: Apache-2.0
"""Curves of training, and the diagnosis with its spectrum and histograms."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cl_keras.runs.report.charts import Points, histogram, line_chart, line_color
from cl_keras.runs.report.marks import figure, legend, section
from cl_keras.runs.report.run_data import RunData, is_number

# Not about learning: the clock has no panel, and the epoch is the axis.
_LEFT_OUT = ("epoch", "seconds")
_MEANINGS = {
    "loss": "What is trained; lower is better.",
    "contrastive_accuracy": "How often the other view is the nearest of all.",
    "embedding_std": "Near 0 all inputs get the same embedding.",
    "alignment": "Squared distance of two views; lower is closer.",
    "uniformity": "0 is one point, -4 an even spread.",
    "rank_me": "About how many dimensions the features use.",
    "explained_variance": "Share of the images' variance that is rebuilt.",
    "data_wait": "Share of the time spent waiting for data; near 0 is good.",
    "learning_rate": "At the end of the epoch.",
}


def panels(names: Sequence[str]) -> dict[str, list[str]]:
    """Which metrics share a panel: `loss_1` to `loss_12`, `loss` and `val_loss`."""
    found: dict[str, list[str]] = {}
    for name in names:
        plain = name.removeprefix("val_")
        if plain in _LEFT_OUT:
            continue
        numbered = re.fullmatch(r"(.+)_\d+", plain)
        title = f"{numbered[1]} by step" if numbered else plain
        found.setdefault(title, []).append(name)
    last = ("data_wait", "learning_rate")
    order = sorted(found, key=lambda title: (title in last, title != "loss"))
    return {title: found[title] for title in order}


def curves(history: Sequence[Mapping[str, Any]]) -> str:
    """All metrics over epochs, one small panel each."""
    names = list(dict.fromkeys(key for epoch in history for key in epoch))
    numbers = [
        name for name in names if any(is_number(row.get(name)) for row in history)
    ]
    figures = []
    for title, members in panels(numbers).items():
        series = {name: points(history, name) for name in members}
        shown = title.replace("_", " ")
        chart = line_chart(shown, series)
        if not chart:
            continue
        if len(series) > 1:
            colors = {
                name.replace("_", " "): line_color(order, len(series))
                for order, name in enumerate(series)
            }
            chart += legend(colors)
        last = series[members[0]][-1][1] if len(series) == 1 else None
        value = "" if last is None else f" {last:.4g}"
        figures.append(figure(shown + value, chart, _MEANINGS.get(title, "")))
    return section(
        "Learning curves",
        f'<div class="panels">{"".join(figures)}</div>' if figures else "",
        "Means over each epoch; the number is the last one.",
    )


def points(history: Sequence[Mapping[str, Any]], name: str) -> Points:
    """One metric over epochs."""
    return [
        (float(row.get("epoch", order)), float(row[name]))
        for order, row in enumerate(history, start=1)
        if is_number(row.get(name))
    ]


def diagnosis(run: RunData) -> str:
    """Findings in words, with the spectrum and the similarities they rest on."""
    parts = []
    if "diagnosis" in run.tables:
        signs = {"good": "good", "warning": "look here", "problem": "problem"}
        table = run.tables["diagnosis"]
        cells = zip(table.column("level"), table.column("finding"), strict=True)
        items = "".join(
            f'<li class="{html.escape(level)}"><b>{signs.get(level, "")}</b>'
            f"<span>{html.escape(text[:1].upper() + text[1:])}.</span></li>"
            for level, text in cells
        )
        parts.append(f'<ul class="findings">{items}</ul>')
    charts = [_similarity(run), _spectrum(run)]
    if any(charts):
        parts.append(f'<div class="panels wide">{"".join(charts)}</div>')
    note = (
        "Measured on the features of test examples, without labels. The thresholds "
        "are rules of thumb: they say where to look."
    )
    return section("Diagnosis", "".join(parts), note)


def _similarity(run: RunData) -> str:
    if "similarity" not in run.tables:
        return ""
    table = run.tables["similarity"]
    edges = [float(x) for x in (*table.column("from"), table.column("to")[-1])]
    kinds = table.header[2:]
    shares = {kind: [float(x) for x in table.column(kind)] for kind in kinds}
    chart = histogram("Similarities of pairs", edges, shares, "cosine similarity")
    colors = {kind: line_color(order, len(kinds)) for order, kind in enumerate(kinds)}
    note = "Share of pairs by similarity: the less they overlap, the better."
    return figure("Similarity of pairs", chart + legend(colors), note, "similarity")


def _spectrum(run: RunData) -> str:
    if "spectrum" not in run.tables:
        return ""
    table = run.tables["spectrum"]
    names = {"trained": "trained encoder", "random_init": "random initialisation"}
    series = {
        name: [
            (float(x), float(y))
            for x, y in zip(table.column("dimension"), table.column(key), strict=True)
        ]
        for key, name in names.items()
    }
    chart = line_chart("Singular values", series, x_title="dimension", logarithmic=True)
    if not chart:
        return ""
    colors = {name: line_color(order, len(series)) for order, name in enumerate(series)}
    note = (
        "Singular values of the centred features as shares of their sum. A steep drop "
        "means that few dimensions carry all."
    )
    return figure("Spectrum of the features", chart + legend(colors), note, "spectrum")
