# SPDX-License-Identifier: Apache-2.0
"""The page of a run, and of several beside each other: HTML with nothing outside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cl_keras import extras
from cl_keras.score_names import title_of
from cl_keras.show import comparison, making, panels, scores
from cl_keras.show import verdict as verdicts
from cl_keras.show.run_data import RunData
from cl_keras.show.style import colors_of

_TEMPLATES = Path(__file__).parent / "templates"
# More classes than this give a list of the hardest, and a matrix without numbers.
_LISTED = 20


def run_page(run: RunData) -> str:
    """All that is known of a run; what is not there is left out."""
    colors = run.class_colors()
    return _render(
        "run.html",
        run=run,
        title=run.title,
        facts=making.facts(run),
        verdict=verdicts.verdict(run),
        sheets={name: _sheet(run, name) for name in run.sprites},
        scores={
            title_of(key): list(scores.score_lines(run.summary, key))
            for key in scores.score_keys(run.summary)
        },
        curves=panels.curve_panels(run.history),
        features=panels.feature_panels(run),
        graphs=panels.graph_panels(run, colors),
        colors=colors,
        neighbors=_neighbors(run),
        classes=_classes(run),
        listed=_LISTED,
        making=making.making(run),
        content={
            "tables": {name: table.text for name, table in run.tables.items()},
            "sprites": {
                name: {key: value for key, value in sprite.items() if key != "file"}
                for name, sprite in run.sprites.items()
            },
            "colors": colors,
        },
    )


def comparison_page(runs: Mapping[str, RunData]) -> str:
    """What runs differ in, their scores, and each metric of all in one panel."""
    colors = colors_of(list(runs))
    titles = {run.title for run in runs.values()}
    return _render(
        "comparison.html",
        title=f"{len(runs)} runs of {titles.pop()}"
        if len(titles) == 1
        else "Runs compared",
        colors=colors,
        verdict=verdicts.best_of(runs),
        differences=comparison.differences(runs.values()),
        scores=comparison.score_rows([run.summary for run in runs.values()]),
        curves=panels.compared_panels(runs, colors),
        commands={name: run.command for name, run in runs.items() if run.command},
        sheets={},
        content={},
    )


def _render(template: str, **values: Any) -> str:
    jinja2 = extras.require("jinja2", extra="eval")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["words"] = making.words
    environment.policies["json.dumps_kwargs"] = {}  # Colours keep their order.
    return environment.get_template(template).render(**values)


def _sheet(run: RunData, name: str) -> dict[str, Any]:
    """A sheet of small images as the style of its tiles needs it."""
    file = run.figures / run.sprites[name]["file"]
    kind = "jpeg" if file.suffix == ".jpg" else "png"
    content = base64.b64encode(file.read_bytes()).decode()
    return {**run.sprites[name], "source": f"data:image/{kind};base64,{content}"}


def _neighbors(run: RunData) -> dict[str, list[dict[str, Any]]]:
    """Each query with what was found for it: where its image is, texts and kind."""
    if not {"neighbors", "embedding"} <= set(run.tables):
        return {}
    examples = run.tables["embedding"].rows
    position = {row[0]: order for order, row in enumerate(examples)}
    names = {row[0]: row[1] for row in examples}
    what = run.example.replace("_", " ")

    def item(example: str, kind: str, under: str) -> dict[str, Any]:
        label = f"{what} {example}"
        if names[example]:
            label += f", {names[example]}"
        texts = {"example": example, "label": label, "kind": kind, "under": under}
        return {**texts, "index": position[example]}

    queries: dict[str, list[dict[str, Any]]] = {}
    for query, _, neighbor, similarity in run.tables["neighbors"].rows:
        if query not in position or neighbor not in position:
            continue
        asked, label = names[query], names[neighbor]
        kind = "plain"
        if asked and label:
            kind = "same" if asked == label else "other"
        under = f"{float(similarity):.2f}"
        if "thumbnails" not in run.sprites and label:
            under = f"{label} · {under}"
        items = queries.setdefault(query, [item(query, "asked", asked)])
        items.append(item(neighbor, kind, under))
    return queries


def _classes(run: RunData) -> list[tuple[str, int, float]]:
    """Name, number of examples and accuracy in percent, hardest first."""
    if "classes" not in run.tables:
        return []
    rows = (
        (name, int(examples), 100 * float(accuracy))
        for name, examples, _, accuracy in run.tables["classes"].rows
        if int(examples)
    )
    return sorted(rows, key=lambda row: row[2])
