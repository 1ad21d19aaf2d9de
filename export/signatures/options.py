# SPDX-License-Identifier: Apache-2.0
"""What can be chosen about an exported encoder's signatures."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from cl_keras import gnn
from cl_keras.preprocessing.decoding import MAX_PIXELS
from cl_keras.registry import unknown

ON_ERROR = ("mask", "fail")


@dataclass(frozen=True)
class Options:
    """Choices about signatures. See `cl_keras.export.saved_model`.

    Args:
        bytes_input: Whether files are taken, images or recordings.
        on_error: `"mask"` or `"fail"`.
        max_pixels: Largest image.
        sample_rate: Rate of the waveforms an encoder knows, in Hz; None if it knows
            something else.
        samples: Length of recordings; None for their own.
        max_seconds: Longest recording.
        graph: Where a graph encoder's graph is in GraphTensors; None for no
            signature that takes them.
        index: Features and ids to search.
        neighbors: How many are found.
    """

    bytes_input: bool = True
    on_error: str = "mask"
    max_pixels: int = MAX_PIXELS
    sample_rate: int | None = None
    samples: int | None = None
    max_seconds: float = 60.0
    graph: gnn.Layout | None = None
    index: tuple[ArrayLike, ArrayLike] | None = None
    neighbors: int = 10

    def __post_init__(self) -> None:
        if self.on_error not in ON_ERROR:
            raise unknown("on_error", self.on_error, ON_ERROR)
        for name in (
            "max_pixels",
            "sample_rate",
            "samples",
            "max_seconds",
            "neighbors",
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"Expected `{name}` above 0. Received: {value}")
