# SPDX-License-Identifier: Apache-2.0
"""Folders as sharded records."""

from __future__ import annotations

import time
from typing import Any

from cl_keras.data.records.writer import write_records
from cl_keras.data.spec import data_string


def pack(source: str, out: str, **options: Any) -> dict[str, Any]:
    """Packs a folder of images or recordings into TFRecord files with an index.

    Args:
        source: A folder, as a data string or a plain path.
        out: The folder to make.
        **options: As for `data.write_records`.

    Returns:
        `data` (a data string of the records), `records`, `shards`, `bytes`,
        `skipped_files`, `skipped` (each with its reason) and `seconds`.

    Raises:
        ValueError: As `data.write_records`.

    Example:
    >>> pack("photos", "packed", shards=16)  # doctest: +SKIP
    {'data': 'tfrecord:packed', 'records': 60000, 'shards': 16, ...}
    """
    start = time.perf_counter()
    index = write_records(data_string(source), out, **options)
    return {
        "data": f"tfrecord:{out}",
        "records": len(index),
        "shards": len(index.shards),
        "bytes": sum(shard.record.size for shard in index.shards),
        "skipped_files": len(index.skipped),
        "skipped": list(index.skipped),
        "seconds": round(time.perf_counter() - start, 1),
    }
