# SPDX-License-Identifier: Apache-2.0
"""The batches that a server is told to make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cl_keras.export.conformance.report import Row

FILE = "batching_params.pbtxt"
_COMMENT = re.compile(r"#.*")
_LARGEST = re.compile(r"\bmax_batch_size\s*:?\s*\{\s*value\s*:\s*(\d+)\s*\}")
_ALLOWED = re.compile(r"\ballowed_batch_sizes\s*:\s*(\d+)")


def largest_batch(folder: Path) -> int | None:
    """Reads the largest batch from a version folder."""
    largest, allowed = _sizes(folder)
    return max([*largest, *allowed], default=None)


def batching_rows(folder: Path) -> Iterator[Row]:
    """Checks the sizes as a server does when it loads the version."""
    if not (folder / FILE).is_file():
        return
    largest, allowed = _sizes(folder)
    ok = len(largest) == 1 and allowed == sorted(set(allowed))
    ok = ok and min([*largest, *allowed]) > 0 and allowed[-1:] in ([], largest)
    detail = f"max_batch_size {largest}, allowed_batch_sizes {allowed}"
    wrong = f"allowed sizes must increase up to max_batch_size: {detail}"
    yield "batching parameters", ok, detail if ok else wrong


def _sizes(folder: Path) -> tuple[list[int], list[int]]:
    """By text: a server's protocol buffers are not part of TensorFlow."""
    path = folder / FILE
    text = _COMMENT.sub("", path.read_text("utf-8")) if path.is_file() else ""
    return (
        [int(n) for n in _LARGEST.findall(text)],
        [int(n) for n in _ALLOWED.findall(text)],
    )
