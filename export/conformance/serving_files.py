# SPDX-License-Identifier: Apache-2.0
"""What a server reads beside the graph: batching parameters, requests to replay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras.export.bundle.batching import BATCHING_FILE
from cl_keras.export.bundle.warm_up import MOST_RECORDS, WARM_UP_FILE
from cl_keras.export.conformance.loading import Bundle
from cl_keras.export.conformance.report import Row, short

_COMMENT = re.compile(r"#.*")
_LARGEST = re.compile(r"\bmax_batch_size\s*:?\s*\{\s*value\s*:\s*(\d+)\s*\}")
_ALLOWED = re.compile(r"\ballowed_batch_sizes\s*:\s*(\d+)")


def largest_batch(folder: Path) -> int | None:
    """Reads the largest batch from a version folder."""
    largest, allowed = _sizes(folder)
    return max([*largest, *allowed], default=None)


def batching_rows(folder: Path) -> Iterator[Row]:
    """Checks the sizes as a server does when it loads the version."""
    if not (folder / BATCHING_FILE).is_file():
        return
    largest, allowed = _sizes(folder)
    ok = len(largest) == 1 and allowed == sorted(set(allowed))
    ok = ok and min([*largest, *allowed]) > 0 and allowed[-1:] in ([], largest)
    detail = f"max_batch_size {largest}, allowed_batch_sizes {allowed}"
    wrong = f"allowed sizes must increase up to max_batch_size: {detail}"
    yield "batching parameters", ok, detail if ok else wrong


def _sizes(folder: Path) -> tuple[list[int], list[int]]:
    """By text: a server's protocol buffers are not part of TensorFlow."""
    path = folder / BATCHING_FILE
    text = _COMMENT.sub("", path.read_text("utf-8")) if path.is_file() else ""
    return (
        [int(n) for n in _LARGEST.findall(text)],
        [int(n) for n in _ALLOWED.findall(text)],
    )


def warm_up_rows(folder: Path, bundle: Bundle) -> Iterator[Row]:
    """Replays the warm-up requests: one that fails keeps a server from loading."""
    path = folder / WARM_UP_FILE
    if not path.is_file():
        return
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        yield "warm-up", True, "not checked: needs tensorflow-serving-api"
        return
    number, called = 0, set()
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            called.add(_replay(log, bundle))
            number += 1
    except Exception as error:
        yield "warm-up", False, f"request {number}: {short(error)}"
        return
    detail = f"{number} requests to {', '.join(sorted(called)) or 'nothing'}"
    if number > MOST_RECORDS:
        yield "warm-up", False, f"{detail}: more than {MOST_RECORDS}"
        return
    if missing := sorted(bundle.specs.keys() - called):
        detail += f"; none to {', '.join(missing)}"
    yield "warm-up", True, detail


def _replay(log, bundle: Bundle) -> str:  # type: ignore[no-untyped-def]
    """Sends one request; returns the name of the signature."""
    if log.WhichOneof("log_type") != "predict_log":
        raise ValueError(
            f"expected a predict_log, received {log.WhichOneof('log_type')}"
        )
    request = log.predict_log.request
    name = request.model_spec.signature_name or "serving_default"
    if name not in bundle.specs:
        raise ValueError(f"there is no signature {name!r}")
    inputs = bundle.specs[name]["inputs"]
    if request.inputs.keys() != inputs.keys():
        raise ValueError(
            f"{name} has the inputs {sorted(inputs)}, received {sorted(request.inputs)}"
        )
    feed = {}
    for key, proto in request.inputs.items():
        dtype = tf.dtypes.as_dtype(proto.dtype).name
        if dtype != inputs[key]["dtype"]:
            raise ValueError(
                f"{name}: {key} is {inputs[key]['dtype']}, received {dtype}"
            )
        feed[key] = tf.make_ndarray(proto)
    for key, value in bundle.call(name, feed).items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"{name}: {key}: not all values are finite")
    return name
