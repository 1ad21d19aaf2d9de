# SPDX-License-Identifier: Apache-2.0
"""Cards: a row as a Markdown page with front matter, as model hubs read it."""

from __future__ import annotations

import json
from typing import Any

from cl_keras.score_names import RAW, baselines_of, metrics_of
from cl_keras.zoo.row import Row
from cl_keras.zoo.scores import score_text

#: How the recipe of an entry begins that was not trained here.
IMPORTED = "cl-keras zoo import"
#: What stands above is generated; what stands below is kept.
MARK = "<!-- Written by hand from here on; publishing again keeps it. -->"

_PROSE = """
## Intended use

Write what the features are good for, and for which data.

## Training data

Write what the data shows and how it was collected.

## Limits and biases

Write where the features fail, and what the data leaves out.

## How to cite

Write which paper and which weights to cite.
"""


def card(row: Row, previous: str = "", *, figure: bool = False) -> str:
    """Writes the card of a row."""
    _, mark, prose = previous.partition(f"{MARK}\n")
    picture = (
        f"\n![Features and nearest neighbours]({row.name}.png)\n" if figure else ""
    )
    generated = f"{_front_matter(row)}\n{_body(row)}{picture}"
    return f"{generated}\n{MARK}\n{prose if mark else _PROSE}"


def _front_matter(row: Row) -> str:
    weights = row.weights
    fields: dict[str, Any] = {
        "library_name": "cl-keras",
        "license": row.license_weights,
        "tags": ["contrastive-learning", row.method, row.modality],
        "datasets": [row.data],
        **{
            name: getattr(row, name)
            for name in (
                "name version method encoder data split modality input_shape "
                "preprocessing features parameters scores baselines published "
                "license_data seed epochs recipe evaluation signatures "
                "library_versions"
            ).split()
        },
        "sha256": weights.sha256 if weights else None,
    }
    # Each value as JSON, which is YAML: no quoting rules of our own.
    lines = [f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in fields.items()]
    return "\n".join(["---", *lines, "---", ""])


def _body(row: Row) -> str:
    numbers = [
        "| measured | trained | random weights | raw inputs |",
        "|---|---|---|---|",
        *(_score_line(metric, row) for metric in row.scores),
        "",
    ]
    published = [f"- Published: {k}: {v}" for k, v in row.published.items()]
    shape = " x ".join("?" if n is None else str(n) for n in row.input_shape)
    return "\n".join(
        [
            f"# {row.name}",
            "",
            f"{_origin(row)} {row.parameters:,} parameters, {row.features} features "
            f"from inputs of {shape}.",
            "",
            "```python",
            "from cl_keras import zoo",
            "",
            f'encoder = zoo.load("{row.name}")  # a trainable keras.Model',
            f'folder = zoo.saved_model("{row.name}")  # a SavedModel for serving',
            "```",
            "",
            f"Preprocessing: {row.preprocessing}.",
            "",
            f"{'Import' if _is_imported(row) else 'Train'} it again: `{row.recipe}`. "
            f"{_again(row)}",
            "",
            *(numbers if row.scores else ()),
            *_notes(row),
            *published,
            "",
            f"Weights: {row.license_weights}. Data: {row.license_data}.",
            "",
        ]
    )


def _is_imported(row: Row) -> bool:
    return row.recipe.startswith(IMPORTED)


def _origin(row: Row) -> str:
    if _is_imported(row):
        return (
            f"A `{row.encoder}` of weights that others have published; method: "
            f"`{row.method}`, trained on: `{row.data}`."
        )
    start = row.encoder.removeprefix("zoo:")
    weights = f"A `{start}` trained"
    if start != row.encoder:
        weights = f"The weights of `{start}`, trained further"
    return (
        f"{weights} with `{row.method}` on `{row.data}` "
        f"({row.split}), {row.epochs} epochs, seed {row.seed}."
    )


def _again(row: Row) -> str:
    if not row.scores:
        return f"No scores were computed: `cl-keras evaluate {row.name} --data SPEC`."
    metrics = ",".join(metrics_of(row.scores))
    return (
        f"Compute the numbers again: `cl-keras evaluate {row.name} --metrics {metrics}`"
        f"; compare them with these: `cl-keras zoo verify {row.name} --scores`."
    )


def _notes(row: Row) -> list[str]:
    """What stands for raw inputs, what was chosen, and where they are as good."""
    lines = []
    if raw := row.evaluation.get("raw_inputs"):
        lines += [f"Raw inputs: {raw}.", ""]
    equal = [
        f"{_words(metric)} ({_number(found)} against {_number(value['value'])})"
        for metric, value in row.scores.items()
        if (found := row.baselines.get(RAW.format(metric))) is not None
        and found >= (value["value"] or 0.0)
    ]
    if equal:
        lines += [f"Raw inputs are as good or better in: {', '.join(equal)}.", ""]
    if chosen := row.evaluation.get("chosen"):
        told = "; ".join(f"{_words(name)}: {text}" for name, text in chosen.items())
        lines += [f"Chosen on the training part: {told}.", ""]
    return lines


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _score_line(metric: str, row: Row) -> str:
    cells = [
        _words(metric),
        score_text(row.scores[metric]),
        *(_number(row.baselines.get(name)) for name in baselines_of(metric)),
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
