# SPDX-License-Identifier: Apache-2.0
"""The zoo: a page to browse, and one for each encoder with its card."""

from __future__ import annotations

from pathlib import Path

from facts import FACTS, FAMILIES

from cl_keras import zoo
from cl_keras.methods import METHODS
from cl_keras.score_names import KNN, LINEAR, baselines_of

FOLDERS = ("zoo",)
# Classes by the most parameters that they hold.
SIZES = {"small": 250_000, "medium": 1_000_000, "large": None}
SIZE_WORDS = {
    "small": "under 250 thousand",
    "medium": "up to a million",
    "large": "over a million",
}
MODALITY_WORDS = {
    "image": "images",
    "audio": "recordings",
    "sequence": "sensor series",
    "graph": "graphs",
}
SHORT = {KNN: "kNN", LINEAR: "linear"}
USE = """```python
from cl_keras import zoo

encoder = zoo.load("simclr_compact_cifar10")  # a trainable keras.Model
folder = zoo.saved_model("simclr_compact_cifar10")  # a version folder to serve
```"""


def pages(_: Path) -> dict[str, str]:
    """Names and texts of the pages."""
    rows = zoo.rows()
    families = {row.name: FACTS[row.method]["family"] for row in rows}
    written = {f"zoo/{row.name}.md": entry(row) for row in rows}
    return written | {"zoo.md": browse(rows, families)}


def entry(row: zoo.Row) -> str:
    """One encoder's page: its card, with its figure from where it lies."""
    card = Path(row.root or "", "cards", f"{row.name}.md").read_text("utf-8")
    body = card.split("\n---\n", 1)[-1].lstrip()
    return body.replace(f"]({row.name}.png)", f"](../../zoo/cards/{row.name}.png)")


def browse(rows: list[zoo.Row], families: dict[str, str]) -> str:
    """The page to browse."""
    blocks = [
        "# Zoo",
        f"{{.lead}}\n{len(rows)} pretrained encoders travel with the package: no "
        "network, no account. Each has its scores beside those of random weights and "
        "of raw inputs.",
        USE,
        controls(rows, families),
        "\n".join(["::::{grid} 1 2 2 3", ":gutter: 3", ":class-container: zoo", ""]),
        *(card(row, families[row.name]) for row in rows),
        "::::",
        "```{toctree}\n:hidden:\n\n"
        + "\n".join(f"zoo/{r.name}" for r in rows)
        + "\n```",
    ]
    return "\n\n".join(blocks) + "\n"


def controls(rows: list[zoo.Row], families: dict[str, str]) -> str:
    """What the visitor chooses by; zoo.js shows and hides."""
    present = {
        "modality": {r.modality: MODALITY_WORDS[r.modality] for r in rows},
        "family": {f: FAMILIES[f]["title"] for f in FAMILIES if f in families.values()},
        "size": {s: SIZE_WORDS[s] for s in SIZES if s in map(size, rows)},
    }
    titles = {"modality": "Data", "family": "Family", "size": "Parameters"}
    selects = "".join(
        f'<label>{titles[name]} <select data-filter="{name}"><option value="">all'
        "</option>"
        + "".join(
            f'<option value="{k}">{words}</option>' for k, words in options.items()
        )
        + "</select></label>"
        for name, options in present.items()
    )
    return (
        f'```{{raw}} html\n<form class="zoo-filter">{selects}'
        '<output aria-live="polite"></output></form>\n```'
    )


def size(row: zoo.Row) -> str:
    """A row's class of size."""
    return next(s for s, most in SIZES.items() if not most or row.parameters < most)


def card(row: zoo.Row, family: str) -> str:
    """One encoder in the grid."""
    scores = [
        f"| {SHORT[metric]} | **{row.scores[metric]['value']:.3f}** | "
        + " | ".join(f"{row.baselines[b]:.3f}" for b in baselines_of(metric))
        + " |"
        for metric in (KNN, LINEAR)
        if metric in row.scores
    ]
    lines = [
        ":::{grid-item-card} " + row.name,
        f":link: zoo/{row.name}",
        ":link-type: doc",
        f":class-item: modality-{row.modality} family-{family} size-{size(row)}",
        f":img-top: ../zoo/cards/{row.name}.png",
        "",
        f"{METHODS[row.method].title} · {row.data} · {row.parameters:,} parameters",
        "",
        "| | trained | random | raw |",
        "|---|---|---|---|",
        *scores,
        ":::",
    ]
    return "\n".join(lines)
