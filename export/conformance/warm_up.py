# SPDX-License-Identifier: Apache-2.0
"""The requests that a server replays before it says that a version is available."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras.export.conformance.loading import Bundle
from cl_keras.export.conformance.report import Row, short

FILE = "assets.extra/tf_serving_warmup_requests"
#: A server does not load a version that has more.
MOST_RECORDS = 1000


def warm_up_rows(folder: Path, bundle: Bundle) -> Iterator[Row]:
    """Replays the warm-up requests: one that fails keeps a server from loading."""
    path = folder / FILE
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
