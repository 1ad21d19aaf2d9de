# SPDX-License-Identifier: Apache-2.0
"""Batching parameters of a version: how a server puts requests together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BATCHING_FILE = "batching_params.pbtxt"
BATCH_SIZES = (1, 2, 4, 8, 16, 32)

_TEXT = """\
# How TensorFlow Serving puts requests to this version together. Read with
# --enable_batching --enable_per_model_batching_parameters.
max_batch_size { value: %(largest)d }
# What a request waits for others, at most.
batch_timeout_micros { value: 2000 }
# Further requests are refused as UNAVAILABLE (503): clients try again later.
max_enqueued_batches { value: 100 }
# A batch is filled up to the next of these; each was run once when loading.
%(sizes)s
"""


def can_be_batched(signatures: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Says whether a server may put requests together.

    It does so with every signature or with none. Requests of different lengths do not
    fit together; graphs as tensors have no row for a graph, and two put together would
    be answered wrongly.
    """
    sides = [
        spec["shape"][1:]
        for signature in signatures.values()
        for spec in signature["inputs"].values()
    ]
    return facts["modality"] != "graph" and not any(None in rest for rest in sides)


def write_batching(folder: Path, sizes: Sequence[int]) -> None:
    """Writes the parameters."""
    listed = "\n".join(f"allowed_batch_sizes: {size}" for size in sizes)
    text = _TEXT % {"largest": sizes[-1], "sizes": listed}
    (folder / BATCHING_FILE).write_text(text, encoding="utf-8")
