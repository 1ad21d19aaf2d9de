# SPDX-License-Identifier: Apache-2.0
"""Several runs on one page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cl_keras.runs.report.charts import line_chart, line_color
from cl_keras.runs.report.curves import panels, points
from cl_keras.runs.report.marks import figure, flat, legend, section, words
from cl_keras.runs.report.page import page, write_page
from cl_keras.runs.report.run_data import RunData, load_run
from cl_keras.runs.report.scores import (
    BASELINES,
    score_keys,
    score_text,
)
from cl_keras.score_names import title_of


def compare_runs(runs: Sequence[Path], out: Path) -> Path:
    """Writes one page that shows runs beside each other.

    What their configurations differ in, all scores with their baselines, and each
    metric of all runs in one panel.
    """
    folders = [Path(run).resolve() for run in runs]
    if len(folders) < 2 or len(set(folders)) < len(folders):
        raise ValueError(
            "Expected the folders of two or more different runs. "
            f"Received: {', '.join(map(str, runs)) or 'none'}"
        )
    if not out.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {out.parent} for {out.name}.")
    data = dict(zip(_names(folders), map(load_run, folders), strict=True))
    colors = {name: line_color(order, len(data)) for order, name in enumerate(data)}
    titles = {run.title for run in data.values()}
    title = (
        f"{len(data)} runs of {titles.pop()}" if len(titles) == 1 else "Runs compared"
    )
    sections = [
        section("Differences", _differences(data), "Settings that are not the same."),
        section("Scores", _scores(data), "The best of each row is bold."),
        section("Learning curves", _curves(data, colors)),
        section("Commands", _commands(data)),
    ]
    return write_page(out, page(title, legend(colors), sections))


def _names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell runs apart."""
    for length in range(1, max(len(folder.parts) for folder in folders) + 1):
        names = ["/".join(folder.parts[-length:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def _differences(data: dict[str, RunData]) -> str:
    configs = [flat(run.config) for run in data.values()]
    keys = dict.fromkeys(key for config in configs for key in config if key != "out")
    lines = []
    for key in keys:
        values = [config.get(key) for config in configs]
        if any(value != values[0] for value in values):
            cells = "".join(
                f"<td>{'–' if v is None else html.escape(words(v))}</td>"
                for v in values
            )
            name = html.escape(key.removeprefix("settings."))
            lines.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    if not lines:
        return "<p>None: the configurations are the same.</p>"
    return _table(data, "".join(lines))


def _scores(data: dict[str, RunData]) -> str:
    keys = dict.fromkeys(
        key for run in data.values() for key in score_keys(run.summary)
    )
    lines = []
    for key in keys:
        for pattern, name in BASELINES.items():
            own = pattern.format(key)
            values = [run.summary.get(own) for run in data.values()]
            if all(value is None for value in values):
                continue
            best = max(value for value in values if value is not None)
            trained = own == key
            cells = "".join(
                _cell(key, value, trained and value == best) for value in values
            )
            title = title_of(key)
            if not trained:
                title += f", {name.lower()}"
            style = "" if trained else ' class="soft"'
            head = f'<th scope="row">{html.escape(title)}</th>'
            lines.append(f"<tr{style}>{head}{cells}</tr>")
    loss = [run.summary.get("loss") for run in data.values()]
    if any(value is not None for value in loss):
        cells = "".join(
            f"<td>{'–' if value is None else f'{value:.4g}'}</td>" for value in loss
        )
        lines.append(f'<tr class="soft"><th scope="row">Final loss</th>{cells}</tr>')
    return _table(data, "".join(lines)) if lines else ""


def _cell(key: str, value: Any, best: bool) -> str:
    if value is None:
        return "<td>–</td>"
    text = score_text(key, float(value))
    return f"<td><b>{text}</b></td>" if best else f"<td>{text}</td>"


def _table(data: dict[str, RunData], lines: str) -> str:
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in data)
    return (
        f'<div class="scroll"><table class="compared"><tr><td></td>{heads}</tr>{lines}'
        "</table></div>"
    )


def _curves(data: dict[str, RunData], colors: dict[str, str]) -> str:
    names = dict.fromkeys(
        key
        for run in data.values()
        for row in run.history
        for key, value in row.items()
        if isinstance(value, int | float)
    )
    figures = []
    for metric in (name for group in panels(list(names)).values() for name in group):
        series = {name: points(run.history, metric) for name, run in data.items()}
        shown = metric.replace("_", " ")
        # A run without this metric keeps its place, and so all keep their colours.
        chart = line_chart(shown, series, colors=colors)
        figures.append(figure(shown, chart))
    return f'<div class="panels">{"".join(figures)}</div>' if figures else ""


def _commands(data: dict[str, RunData]) -> str:
    return "".join(
        f"<h3>{html.escape(name)}</h3><pre><code>{html.escape(run.command)}</code></pre>"
        for name, run in data.items()
        if run.command
    )
