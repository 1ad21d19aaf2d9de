# SPDX-License-Identifier: Apache-2.0
"""What can be chosen about an exported encoder's signatures."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from cl_keras import gnn
from cl_keras.registry import unknown

ON_ERROR = ("mask", "fail")
_POSITIVE = ("max_pixels", "sample_rate", "samples", "max_seconds", "neighbors")


@dataclass(frozen=True)
class Options:
    """Choices about signatures, as `cl_keras.export.saved_model` takes them."""

    bytes_input: bool
    on_error: str
    max_pixels: int
    sample_rate: int | None
    samples: int | None
    max_seconds: float
    graph: gnn.Layout | None
    index: tuple[ArrayLike, ArrayLike] | None
    neighbors: int

    def __post_init__(self) -> None:
        if self.on_error not in ON_ERROR:
            raise unknown("on_error", self.on_error, ON_ERROR)
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"Expected `{name}` above 0. Received: {value}")
