# SPDX-License-Identifier: Apache-2.0
"""Pieces of HTML that all sections are made of. All texts are escaped here."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cl_keras.evaluate.figure_style import PALETTE
from cl_keras.runs.report.run_data import RunData


def section(title: str, content: str, note: str = "") -> str:
    """A part of the page with a heading."""
    if not content:
        return ""
    said = f'<p class="note">{html.escape(note)}</p>' if note else ""
    return f"<section><h2>{html.escape(title)}</h2>{said}{content}</section>"


def figure(title: str, content: str, note: str = "", table: str = "") -> str:
    """A figure with its title, a sentence and its data."""
    if not content:
        return ""
    said = f"<p>{html.escape(note)}</p>" if note else ""
    return (
        f"<figure><figcaption><b>{html.escape(title)}</b>{csv_link(table)}</figcaption>"
        f"{content}{said}</figure>"
    )


def csv_link(table: str) -> str:
    """A link to a figure's data, which the page itself holds."""
    if not table:
        return ""
    name = html.escape(table)
    return (
        f'<a class="csv" data-table="{name}" title="figures/{name}.csv">{name}.csv</a>'
    )


def legend(names: Mapping[str, str]) -> str:
    """Names with their colours."""
    items = "".join(
        f'<li><i style="background:{color}"></i>{html.escape(name)}</li>'
        for name, color in names.items()
    )
    return f'<ul class="legend">{items}</ul>'


def rows(values: Mapping[str, Any]) -> str:
    """A table of names and values, in words; what is None is left out."""
    lines = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        f"<td>{html.escape(words(value))}</td></tr>"
        for name, value in values.items()
        if value is not None
    )
    return f'<table class="rows">{lines}</table>' if lines else ""


def words(value: Any) -> str:
    """A value as one would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value)) or "none"
    return str(value)


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted names."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def tile(run: RunData, sheet: str, place: int, label: str) -> str:
    """One image of a sheet."""
    sprite = run.sprites[sheet]
    columns, lines = int(sprite["columns"]), int(sprite["rows"])
    x = 100 * (place % columns) / max(1, columns - 1)
    y = 100 * (place // columns) / max(1, lines - 1)
    return (
        f'<i class="tile sheet-{html.escape(sheet)}" role="img" '
        f'aria-label="{html.escape(label)}" '
        f'style="background-position:{x:.4g}% {y:.4g}%"></i>'
    )


def class_colors(run: RunData) -> dict[str, str]:
    """A colour for each class that occurs, the same all over the page."""
    names: set[str] = set()
    for table in ("embedding", "neighbourhood_nodes"):
        if table in run.tables:
            names.update(run.tables[table].column("class"))
    known = natural_order(names - {""})
    if len(known) <= len(PALETTE):
        return dict(zip(known, PALETTE, strict=False))
    return {
        name: f"hsl({360 * order / len(known):.0f} 60% 50%)"
        for order, name in enumerate(known)
    }


def natural_order(names: Iterable[str]) -> list[str]:
    """Names in order, numbers in them by their value."""

    def key(name: str) -> list[tuple[int, int, str]]:
        parts = re.findall(r"\d+|\D+", name)
        return [(0, int(x), "") if x.isdecimal() else (1, 0, x) for x in parts]

    return sorted(names, key=key)
