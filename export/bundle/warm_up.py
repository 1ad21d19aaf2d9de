# SPDX-License-Identifier: Apache-2.0
"""Warm-up requests: what a server runs before it says that a version is available.

The file is a TFRecord of `tensorflow.serving.PredictionLog`. The few fields of it that
are needed are encoded here by hand, a dozen lines, so that every export is the same:
with the package of TensorFlow Serving's protocol buffers (extra `serving`), exports
made where it is missing would lack the file. The tests parse it with that package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras.export import probes

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
#: A server refuses to load a version that has more.
MOST_RECORDS = 1_000


def write_warm_up(
    folder: Path,
    signatures: Mapping[str, Any],
    facts: Mapping[str, Any],
    sizes: Sequence[int],
) -> int:
    """Writes requests for every signature and batch size."""
    records = [
        prediction_log(name, feed)
        for name, signature in signatures.items()
        for feed in feeds(name, signature["inputs"], facts, sizes)
    ]
    if len(records) > MOST_RECORDS:
        raise ValueError(
            f"Expected at most {MOST_RECORDS} warm-up requests. Received: "
            f"{len(records)}, {len(sizes)} batch sizes for each of "
            f"{len(signatures)} signatures"
        )
    path = folder / WARM_UP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for record in records:
            file.write(record)
    return len(records)


def feeds(
    name: str,
    inputs: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, Any],
    sizes: Sequence[int],
) -> Iterator[dict[str, Any]]:
    """Makes the inputs of one signature's requests, small however large the batch."""
    alone = len(inputs) > 1
    for size in sizes:
        rows = probes.rows(inputs, facts, size if alone else 1)
        if rows is None:
            raise ValueError(
                f"No warm-up request is known for {name!r}: {dict(inputs)}"
            )
        if alone:
            # Edges name nodes; of the nodes' features one value is written.
            yield {
                key: _repeated(value, size)
                if value.dtype == np.float32
                else tf.make_tensor_proto(value)
                for key, value in rows.items()
            }
        else:
            yield {key: _repeated(value, size) for key, value in rows.items()}


def _repeated(value: np.ndarray, size: int) -> Any:
    """Rows that are all alike: of a tensor's last values, one is written."""
    shape = (size, *value.shape[1:])
    if value.dtype == object:
        return tf.make_tensor_proto([value[0]], tf.string, shape)
    return tf.make_tensor_proto(value.dtype.type(0.5), shape=shape)


def prediction_log(signature: str, feed: Mapping[str, Any]) -> bytes:
    r"""Encodes a request as a `PredictionLog`."""
    spec = _field(3, signature.encode())  # ModelSpec.signature_name
    request = _field(1, spec) + b"".join(  # PredictRequest.model_spec, .inputs
        _field(2, _field(1, key.encode()) + _field(2, feed[key].SerializeToString()))
        for key in sorted(feed)
    )
    return _field(
        6, _field(1, request)
    )  # PredictionLog.predict_log, PredictLog.request


def _field(number: int, content: bytes) -> bytes:
    """One field with a length: its number and wire type 2, the length, the content."""
    length, rest = bytearray(), len(content)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes([number << 3 | 2, *length, rest]) + content
