# SPDX-License-Identifier: Apache-2.0
"""Names of entries as a list, which a terminal and a notebook show as a table."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from pathlib import Path

from cl_keras.score_names import KNN
from cl_keras.zoo.row import Row

_COLUMNS = ("name", "inputs", "features", "parameters", "data", "kNN")


class Names(list[str]):
    """A list of names; `str`, `repr` and notebooks show what their rows say.

    Args:
        names: The names.
        files: Where the row of each is; a row that is not valid shows its name only.
    """

    def __init__(
        self, names: Iterable[str] = (), files: dict[str, Path] | None = None
    ) -> None:
        super().__init__(names)
        self._files = files or {}

    def __repr__(self) -> str:
        if not self:
            return "[]"
        lines = list(self._lines())
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)
            ).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        tags = ["th", *["td"] * len(self)]
        header, *lines = (
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in line)
            for tag, line in zip(tags, self._lines(), strict=True)
        )
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"

    def _lines(self) -> Iterator[tuple[str, ...]]:
        yield _COLUMNS
        for name in self:
            try:
                row = Row.from_json(self._files[name])
            except (KeyError, OSError, ValueError):
                yield (name, *[""] * (len(_COLUMNS) - 1))
                continue
            knn = row.scores.get(KNN, {}).get("value")
            yield (
                *(name, row.modality, str(row.features), f"{row.parameters:,}"),
                *(row.data, "" if knn is None else f"{100 * knn:.1f} %"),
            )
