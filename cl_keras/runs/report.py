# SPDX-License-Identifier: Apache-2.0
"""The report of a run: one HTML file that opens offline."""

from __future__ import annotations

import base64
import html
import os
import platform
import shlex
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from cl_keras.runs.run_files import (
    CONFIG_FILE,
    REPORT_FILE,
    SUMMARY_FILE,
    read_history,
    read_json,
    require_run,
)


def write_report(run: Path) -> Path:
    """Writes `run/report.html`, one file without references to anything outside it.

    Shows what the run's folder holds: `summary.json`, `config.json`,
    `metrics.jsonl` and `plots/*.png` with the `.csv` beside each. What is not there
    is left out.

    Args:
        run: The run's folder.

    Returns:
        The path of the report.

    Raises:
        FileNotFoundError: If the run's folder does not exist.
        ValueError: If one of its files is not valid JSON.
    """
    require_run(run)
    summary, config = read_json(run / SUMMARY_FILE), read_json(run / CONFIG_FILE)
    environment = config.pop("environment", None) or _environment()
    command = config.pop("command", None)
    if isinstance(command, list | tuple):
        command = shlex.join(map(str, command))
    method = summary.get("method") or config.get("method") or run.resolve().name
    data = summary.get("data") or config.get("data")

    images = sorted((run / "plots").glob("*.png"))
    left = {image.stem: image for image in images}
    body = [_scores(summary)]
    for title, names in _FIGURES.items():
        shown = [left.pop(name) for name in names if name in left]
        if shown:
            body.append(_section(title, _gallery(shown)))
    if left:
        body.append(_section("More figures", _gallery(left.values())))
    if config:
        body.append(_section("Settings", _table(_flat(config))))
    if command:
        text = f"<pre><code>{html.escape(str(command))}</code></pre>"
        body.append(_section("Command", text))
    if isinstance(environment, dict):
        body.append(_section("Environment", _table(_flat(environment))))

    page = _PAGE.format(
        title=html.escape(f"{method} on {data}" if data else str(method)),
        style=_STYLE,
        facts=_facts(summary, read_history(run)),
        body="\n".join(section for section in body if section),
    )
    path = run / REPORT_FILE
    draft = run / "report.html.tmp"
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, path)
    return path


_FIGURES = {
    "Learning curves": ["loss"],
    "Views": ["views", "similarity"],
    "Embedding in two dimensions": ["embedding", "embedding_random_init"],
    "Nearest neighbours": ["neighbors"],
    "Where the classes mix": ["confusion"],
}
_CAPTIONS = {
    "loss": "Loss and metrics of each epoch.",
    "views": "Test images and two random views of each, as in training.",
    "similarity": "Cosine similarity of the encoder's features for two views of one "
    "image, and for views of different images.",
    "embedding": "t-SNE of the trained encoder's features of test images.",
    "embedding_random_init": "The same of the network before training.",
    "neighbors": "Test images and their nearest neighbours by the encoder's features. "
    "Solid green border: same class; dashed red: another (where labels are known).",
    "confusion": "Weighted kNN on test images, in percent of each true class.",
}
_ROWS = {"knn": "Weighted kNN", "linear": "Linear probe"}
_COLUMNS = {
    "{}_accuracy": "Trained encoder",
    "{}_accuracy_random_init": "Random initialisation",
    "raw_{}_accuracy": "Raw inputs",
}


def _scores(summary: dict[str, Any]) -> str:
    lines = []
    for key, row in _ROWS.items():
        values = [summary.get(column.format(key)) for column in _COLUMNS]
        if all(value is None for value in values):
            continue
        cells = []
        for place, value in enumerate(values):
            if value is None:
                cells.append("<td>not measured</td>")
                continue
            share = 100 * float(value)
            kind = ' class="own"' if place == 0 else ""
            cells.append(
                f"<td{kind}><b>{share:.1f} %</b>"
                f'<i class="bar"><i style="width:{share:.1f}%"></i></i></td>'
            )
        lines.append(f"<tr><th scope=row>{row}</th>{''.join(cells)}</tr>")
    if not lines:
        return _section(
            "Scores", "<p>No accuracies: the run has no labels to score against.</p>"
        )
    head = "".join(f"<th scope=col>{name}</th>" for name in _COLUMNS.values())
    return _section(
        "Scores",
        f'<table class="scores"><tr><td></td>{head}</tr>{"".join(lines)}</table>'
        "<p>Accuracy on test images that took part in no choice. The encoder is "
        "frozen; it has to beat the same network untrained and the pixels.</p>",
    )


def _facts(summary: dict[str, Any], history: list[dict[str, Any]]) -> str:
    facts = []
    epochs = summary.get("epochs", len(history) or None)
    if epochs is not None:
        facts.append(f"{epochs} epochs")
    seconds = summary.get("seconds")
    if isinstance(seconds, int | float):
        minutes, rest = divmod(round(seconds), 60)
        facts.append(f"{minutes} min {rest} s" if minutes else f"{rest} s")
    loss = summary.get("loss")
    if isinstance(loss, int | float):
        facts.append(f"final loss {loss:.4g}")
    if summary.get("seed") is not None:
        facts.append(f"seed {summary['seed']}")
    return " · ".join(html.escape(str(fact)) for fact in facts)


def _gallery(images: Iterable[Path]) -> str:
    figures = []
    for image in images:
        caption = _CAPTIONS.get(image.stem, image.stem.replace("_", " "))
        source = base64.b64encode(image.read_bytes()).decode()
        table = image.with_suffix(".csv")
        link = ""
        if table.is_file():
            data = base64.b64encode(table.read_bytes()).decode()
            link = (
                f' <a download="{html.escape(table.name)}" '
                f'href="data:text/csv;base64,{data}">data</a>'
            )
        figures.append(
            f'<figure><img alt="{html.escape(caption)}" '
            f'src="data:image/png;base64,{source}">'
            f"<figcaption>{html.escape(caption)}{link}</figcaption></figure>"
        )
    return f'<div class="gallery">{"".join(figures)}</div>'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{content}</section>"


def _table(rows: dict[str, Any]) -> str:
    lines = "".join(
        f"<tr><th scope=row>{html.escape(key)}</th>"
        f"<td>{html.escape(str(value))}</td></tr>"
        for key, value in rows.items()
    )
    return f"<table>{lines}</table>"


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _environment() -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
    }
    for package in ("cl-keras", "keras", "tensorflow", "numpy", "scikit-learn"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5d6778; --line: #dfe3ea;
  --page: #fbfbfd; --card: #fff; --own: #4477aa; --bar: #b9c0cb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #9aa4b5;
  --line: #333a46; --page: #14171c; --card: #1c2027; --own: #7ba7d7; --bar: #4a5361; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.5rem 4rem; color: var(--ink);
  background: var(--page); font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.9rem; overflow-wrap: anywhere; }
h2 { margin: 2.75rem 0 .9rem; font-size: 1.15rem; }
p, figcaption, .facts { color: var(--soft); }
p { font-size: .9rem; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .35rem 1.5rem .35rem 0; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 500; color: var(--soft); white-space: nowrap; }
.scores { width: 100%; table-layout: fixed; }
.scores b { font-size: 1.15rem; font-weight: 500; font-variant-numeric: tabular-nums; }
.scores .own b { font-size: 1.5rem; font-weight: 650; color: var(--own); }
.scores td { vertical-align: bottom; }
.bar { display: block; height: 6px; margin: .3rem 0 .2rem; border-radius: 3px;
  background: var(--line); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--bar); }
.own .bar i { background: var(--own); }
.gallery { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
figure { flex: 1 1 24rem; max-width: 100%; margin: 0; padding: .9rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto;
  background: #fff; border-radius: 4px; }
figcaption { margin-top: .6rem; font-size: .85rem; }
a { color: var(--own); }
pre { padding: .9rem; overflow-x: auto; background: var(--card); font-size: .85rem;
  border: 1px solid var(--line); border-radius: 8px; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><div class="facts">{facts}</div></header>
{body}
</body>
</html>
"""
