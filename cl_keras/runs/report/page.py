# SPDX-License-Identifier: Apache-2.0
"""The page around a report's sections, with nothing outside it."""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from cl_keras.runs.report import class_sections, curves, input_sections, making, scores
from cl_keras.runs.report.marks import class_colors
from cl_keras.runs.report.run_data import RunData, load_run
from cl_keras.runs.run_files import FIGURES_FOLDER, REPORT_FILE

# First, in a script of its own: so it sees even what the other cannot parse.
_WATCH = """window.addEventListener("error", (event) => {
  const page = document.documentElement.dataset;
  page.errors = `${page.errors || ""}${event.message}; `;
});
"""


def write_report(run: Path) -> Path:
    """Writes `run/report.html`, one file without references to anything outside it.

    Shows what the run's folder holds: `summary.json`, `config.json`,
    `metrics.jsonl`, and the CSVs and sheets of small images in `figures`. What is
    not there is left out.

    Args:
        run: The run's folder.

    Returns:
        The path of the report.

    Raises:
        FileNotFoundError: If the run's folder does not exist.
        ValueError: If one of its files is not what it should be.
    """
    data = load_run(Path(run))
    sections = [
        scores.scores(data),
        curves.diagnosis(data),
        curves.curves(data.history),
        input_sections.views(data),
        input_sections.neighbourhoods(data),
        input_sections.feature_map(data),
        input_sections.neighbors(data),
        class_sections.classes(data),
        making.making(data),
    ]
    text = page(
        data.title,
        making.facts(data),
        sections,
        sprites=_sprites(data),
        content={
            "tables": {name: table.text for name, table in data.tables.items()},
            "sprites": {
                name: {key: value for key, value in sprite.items() if key != "file"}
                for name, sprite in data.sprites.items()
            },
            "colors": class_colors(data),
        },
    )
    return write_page(Path(run) / REPORT_FILE, text)


def page(
    title: str,
    facts: str,
    sections: Iterable[str],
    *,
    sprites: str = "",
    content: Mapping[str, Any] | None = None,
) -> str:
    """Puts sections into a page."""
    name = html.escape(title)
    # Nothing inside may look like the end of the script.
    data = json.dumps(content or {}).replace("<", "\\u003c")
    body = "\n".join(section for section in sections if section)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
{_asset("report.css")}{sprites}</style>
</head>
<body>
<header><h1>{name}</h1>{facts}</header>
<main>
{body}
</main>
<script>
{_WATCH}</script>
<script type="application/json" id="content">{data}</script>
<script>
{_asset("report.js")}</script>
</body>
</html>
"""


def write_page(path: Path, text: str) -> Path:
    """Writes a page so that no half of it is ever seen."""
    draft = path.with_name(path.name + ".tmp")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
    return path


def _sprites(data: RunData) -> str:
    rules = []
    for name, sprite in data.sprites.items():
        file = data.folder / FIGURES_FOLDER / sprite["file"]
        kind = "jpeg" if file.suffix == ".jpg" else "png"
        content = base64.b64encode(file.read_bytes()).decode()
        source = f"data:image/{kind};base64,{content}"
        columns, rows = int(sprite["columns"]), int(sprite["rows"])
        rules.append(
            f".sheet-{name} {{ background-image: url({source});"
            f" background-size: {100 * columns}% {100 * rows}%;"
            f" aspect-ratio: {int(sprite['width'])} / {int(sprite['height'])}; }}\n"
        )
    return "".join(rules)


def _asset(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
