# SPDX-License-Identifier: Apache-2.0
"""What can be chosen about an exported encoder's signatures."""

from __future__ import annotations

from dataclasses import dataclass

from cl_keras import gnn


@dataclass(frozen=True)
class Options:
    """Choices about signatures. See `cl_keras.export.saved_model`.

    Args:
        bytes_input: Whether an image encoder takes encoded images.
        graph: Where a graph encoder's graph is in GraphTensors; None for no
            signature that takes them.
    """

    bytes_input: bool = True
    graph: gnn.Layout | None = None
