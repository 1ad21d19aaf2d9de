# SPDX-License-Identifier: Apache-2.0
"""A row of the table of methods."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        title: The method's name as its paper writes it.
        path: Where the class is, `"module:Class"`.
        modalities: What it learns from: `"image"`, `"audio"` (any sequence),
            `"graph"`, `"pair"` (two inputs that belong together, an encoder each); the
            usual one first.
        paper: Authors, year and arXiv number.
        summary: One line: what it learns from.
        views: Random views of an example that a batch holds by default, or 1 for the
            example as it is.
        view_maker: What makes them of images, in `cl_keras.augment`.
        view_options: Its parameters that differ from its own defaults.
        sequence_view_maker: What makes them of sequences; by default `AudioViews` of
            recordings and `SeriesViews` of sequences of vectors.
        sequence_view_options: Its parameters that differ from its own defaults.
        needs: What a training must tell the method: `"total_steps"`, `"labels"`.
        defaults: Settings of a training run that differ from the general ones.
        usual_steps: Optimizer steps of trainings that are known to have learnt, the
            shortest and the longest, with their data: `docs/results.md` and the zoo's
            cards have their scores, next to those of random weights.
    """

    title: str
    path: str
    modalities: tuple[str, ...]
    paper: str
    summary: str
    views: int = 2
    view_maker: str = "SimCLRImages"
    view_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sequence_view_maker: str = ""
    sequence_view_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    usual_steps: Mapping[int, str] = dataclasses.field(default_factory=dict)

    @property
    def model(self) -> type:
        """The method's class, imported on first use."""
        module, _, name = self.path.partition(":")
        return getattr(importlib.import_module(module), name)
