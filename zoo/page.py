# SPDX-License-Identifier: Apache-2.0
"""The zoo as a page: a table of all entries, and their cards one after the other."""

from __future__ import annotations

import os
from pathlib import Path

from cl_keras.score_names import KNN, LINEAR, baselines_of
from cl_keras.zoo.registry import CARDS, rows
from cl_keras.zoo.row import Row

_COLUMNS = (
    "name",
    "features",
    "parameters",
    "kNN",
    "kNN, raw inputs",
    "linear",
    "linear, raw inputs",
    "linear, random weights",
    "linear, published",
)


def table(
    *, cards: str | None = None, registry: str | os.PathLike[str] | None = None
) -> str:
    """Writes the table of all entries.

    Args:
        cards: Where the cards are, for links from the names, such as `"zoo/cards"`.
        registry: See `zoo.list`.

    Returns:
        Markdown, a line an entry.

    Example:
    >>> table().splitlines()[0].startswith("| name | features |")
    True
    """
    lines = [
        f"| {' | '.join(_COLUMNS)} |",
        "|" + "---|" * len(_COLUMNS),
        *(_line(row, cards) for row in rows(registry=registry)),
    ]
    return "\n".join(lines) + "\n"


def page(*, registry: str | os.PathLike[str] | None = None) -> str:
    """Writes a page to browse: the table, then every card without its front matter.

    Args:
        registry: See `zoo.list`.

    Returns:
        Markdown. Figures are linked by the absolute place of the registry's cards.

    Example:
    >>> page().startswith("# Pretrained encoders")
    True
    """
    parts = ["# Pretrained encoders\n", table(registry=registry)]
    for row in rows(registry=registry):
        if row.root is None:
            continue
        card = Path(row.root, CARDS, f"{row.name}.md")
        if card.is_file():
            body = card.read_text("utf-8").split("\n---\n", 1)[-1]
            # A level down: the page has the first heading.
            body = body.replace("\n## ", "\n### ").replace("\n# ", "\n## ")
            parts.append(
                body.replace(f"]({row.name}.png)", f"]({card.with_suffix('.png')})")
            )
    return "\n".join(parts)


def _line(row: Row, cards: str | None) -> str:
    name = f"`{row.name}`"
    if cards is not None:
        name = f"[{name}]({cards}/{row.name}.md)"
    (_, raw_knn), (random_linear, raw_linear) = map(baselines_of, (KNN, LINEAR))
    cells = [
        name,
        str(row.features),
        f"{row.parameters:,}",
        _number(row.scores.get(KNN, {}).get("value")),
        _number(row.baselines.get(raw_knn)),
        _number(row.scores.get(LINEAR, {}).get("value")),
        _number(row.baselines.get(raw_linear)),
        _number(row.baselines.get(random_linear)),
        str(row.published.get(LINEAR, "none")).partition(":")[0],
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
