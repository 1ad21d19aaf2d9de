# SPDX-License-Identifier: Apache-2.0
"""The table of methods: one row a method; README, command line and tests follow."""

from __future__ import annotations

import dataclasses
import importlib

from cl_keras.registry import unknown


@dataclasses.dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        title: The method's name as its paper writes it.
        path: Where the class is, `"module:Class"`.
        modality: `"image"`, `"audio"` or `"graph"`.
        paper: Authors, year and arXiv number.
        summary: One line: what it learns from.
    """

    title: str
    path: str
    modality: str
    paper: str
    summary: str

    @property
    def model(self) -> type:
        """The method's class, imported on first use."""
        module, _, name = self.path.partition(":")
        return getattr(importlib.import_module(module), name)


METHODS: dict[str, Method] = {
    "simclr": Method(
        title="SimCLR",
        path="cl_keras.methods.simclr:SimCLR",
        modality="image",
        paper="Chen et al. 2020, arXiv:2002.05709",
        summary="finds the other view of an image among all images of the batch",
    ),
}


def get(name: str) -> Method:
    """Looks a method up.

    Args:
        name: A key of `METHODS`.

    Returns:
        Its row.

    Raises:
        ValueError: If there is no such method; near names are suggested.

    Example:
    >>> get("simclr").title
    'SimCLR'
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
