# SPDX-License-Identifier: Apache-2.0
"""Files for TensorFlow Serving inside a version folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cl_keras.export.bundle.batching import BATCH_SIZES, can_be_batched, write_batching
from cl_keras.export.bundle.warm_up import write_warm_up


def write_version_files(
    folder: str | os.PathLike[str],
    signatures: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> None:
    """Writes warm-up requests and batching parameters, before the manifest."""
    sizes = list(batch_sizes)
    if not sizes or sizes[0] < 1 or sizes != sorted(set(sizes)):
        raise ValueError(
            f"Expected increasing batch sizes from 1 on. Received: {batch_sizes}"
        )
    folder = Path(folder)
    write_warm_up(folder, signatures, facts, sizes)
    if can_be_batched(signatures, facts):
        write_batching(folder, sizes)
