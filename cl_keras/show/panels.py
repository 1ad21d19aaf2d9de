# SPDX-License-Identifier: Apache-2.0
"""The charts of the pages, with what stands around each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cl_keras.show.charts import (
    graph_chart,
    line_chart,
    metric_names,
    metric_points,
    share_chart,
)
from cl_keras.show.run_data import RunData
from cl_keras.show.style import colors_of

_NO_CLASS = "#8a94a3"
# Last, as they say nothing of learning; the clock has no panel.
_LAST, _LEFT_OUT = ("data_wait", "learning_rate"), "seconds"
# What the panels call what is logged, and what it means.
_MEANINGS = {
    "loss": ("Loss", "What training minimises; lower is better."),
    "contrastive_accuracy": (
        "Views matched",
        "How often the other view of an example is the nearest of all.",
    ),
    "embedding_std": (
        "Spread of the embeddings",
        "Near 0 all inputs get the same embedding.",
    ),
    "alignment": (
        "Distance between views",
        "Mean squared distance (alignment); lower is closer.",
    ),
    "uniformity": (
        "Evenness on the sphere",
        "0 is one point, -4 an even spread (uniformity).",
    ),
    "rank_me": ("Dimensions used", "About how many the features use (RankMe)."),
    "explained_variance": (
        "Explained variance",
        "Share of the images' variance that is rebuilt.",
    ),
    "data_wait": (
        "Waiting for data",
        "Share of the time in which training waited; near 0 is good.",
    ),
    "learning_rate": ("Learning rate", "At the end of the epoch."),
}
_ENCODERS = {"trained": "trained encoder", "random_init": "random weights"}


class Panel(NamedTuple):
    """A chart, its title, the colours of its lines, a sentence and its table."""

    title: str
    chart: str
    colors: Mapping[str, str]
    note: str = ""
    table: str = ""


def curve_panels(history: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """All metrics over epochs, one small panel each."""
    panels = []
    for title, names in _groups(metric_names(history)).items():
        series = {_line_name(name): metric_points(history, name) for name in names}
        (shown, meaning), colors = _titled(title), colors_of(list(series))
        chart = line_chart(shown, series, colors)
        if len(series) == 1:
            ((points,), colors) = series.values(), {}
            shown += f": {points[-1][1]:.4g}"
        panels.append(Panel(shown, chart, colors, meaning))
    return [panel for panel in panels if panel.chart]


def compared_panels(
    runs: Mapping[str, RunData], colors: Mapping[str, str]
) -> list[Panel]:
    """Each metric of several runs in one panel."""
    names = [name for run in runs.values() for name in metric_names(run.history)]
    panels = []
    for metric in sum(_groups(list(dict.fromkeys(names))).values(), []):
        series = {
            name: metric_points(run.history, metric) for name, run in runs.items()
        }
        shown, meaning = _titled(metric)
        panels.append(Panel(shown, line_chart(shown, series, colors), {}, meaning))
    return [panel for panel in panels if panel.chart]


def feature_panels(run: RunData) -> list[Panel]:
    """What the diagnosis rests on: similarities of pairs and the spectrum."""
    panels = []
    if "similarity" in run.tables:
        table = run.tables["similarity"]
        shares = {name: table.numbers(name) for name in table.header[2:]}
        edges = [*table.numbers("from"), table.numbers("to")[-1]]
        title, colors = "Similarity of pairs", colors_of(list(shares))
        chart = share_chart(title, edges, shares, colors, "cosine similarity")
        note = "Share of pairs by similarity: the less they overlap, the better."
        panels.append(Panel(title, chart, colors, note, "similarity"))
    if "spectrum" in run.tables:
        table = run.tables["spectrum"]
        places = table.numbers("dimension")
        series = {
            name: list(zip(places, table.numbers(key), strict=True))
            for key, name in _ENCODERS.items()
        }
        title, colors = "Spectrum of the features", colors_of(list(series))
        chart = line_chart(title, series, colors, x_title="dimension", logarithmic=True)
        note = (
            "Singular values of the centred features as shares of their sum. A steep "
            "drop means that few dimensions carry all."
        )
        panels.append(Panel(title, chart, colors, note, "spectrum"))
    return [panel for panel in panels if panel.chart]


def graph_panels(run: RunData, colors: Mapping[str, str]) -> list[Panel]:
    """The surroundings of some nodes."""
    tables = [run.tables.get(f"neighbourhood_{part}") for part in ("nodes", "edges")]
    if tables[0] is None or tables[1] is None:
        return []
    nodes, edges = (table.rows for table in tables if table)
    panels = []
    for drawing in dict.fromkeys(row[0] for row in nodes):
        around = [row[1:] for row in nodes if row[0] == drawing]
        position = {node: order for order, (node, *_) in enumerate(around)}
        dots = [
            (
                float(x),
                float(y),
                colors.get(name, _NO_CLASS),
                f"node {node}" + (f" · {name}" if name else ""),
            )
            for node, name, _, x, y in around
        ]
        pairs = [(position[a], position[b]) for d, a, b in edges if d == drawing]
        title = f"Around node {around[0][0]}"
        panels.append(Panel(title, graph_chart(title, dots, pairs), {}))
    return panels


def _groups(names: Sequence[str]) -> dict[str, list[str]]:
    """Which metrics share a panel: `loss_1` to `loss_12`, `loss` and `val_loss`."""
    groups: dict[str, list[str]] = {}
    for name in names:
        plain = name.removeprefix("val_")
        if plain == _LEFT_OUT:
            continue
        numbered = re.fullmatch(r"(.+)_\d+", plain)
        title = f"{numbered[1]} by step" if numbered else plain
        groups.setdefault(title, []).append(name)
    order = sorted(groups, key=lambda title: (title in _LAST, title != "loss"))
    return {title: groups[title] for title in order}


def _titled(metric: str) -> tuple[str, str]:
    """What a metric is called, and what it means."""
    plain = metric.removeprefix("val_")
    title, meaning = _MEANINGS.get(plain, (_words(plain), ""))
    return (title if plain == metric else f"{title}, validation"), meaning


def _line_name(metric: str) -> str:
    """What tells a line from the others of its panel."""
    part = "validation" if metric.startswith("val_") else "training"
    numbered = re.fullmatch(r".+_(\d+)", metric)
    return f"{part}, step {numbered[1]}" if numbered else part


def _words(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
