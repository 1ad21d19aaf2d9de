# SPDX-License-Identifier: Apache-2.0
"""Versions of a model in sessions of the C++ loader, and which of them is meant."""

import threading
import time
from collections import deque
from pathlib import Path

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

MOST_WARM_UP_RECORDS = 1_000
WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")


class Refused(Exception):
    """An answer that is an error: a code of gRPC, and the reason."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code, self.reason = code, reason


INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE = 3, 5, 14


class Version:
    """One version folder, loaded and warmed up."""

    def __init__(self, folder):
        self.number = int(folder.name)
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            meta = tf.compat.v1.saved_model.load(self.session, ["serve"], str(folder))
        self.signature_def = dict(meta.signature_def)
        self._runs = {}
        self._lock = threading.Lock()
        self.warmed_up = self._warm_up(folder / WARM_UP)

    def _warm_up(self, path):
        if not path.exists():
            return 0
        count = 0
        for record in tf.compat.v1.io.tf_record_iterator(str(path)):
            count += 1
            if count > MOST_WARM_UP_RECORDS:
                raise ValueError(f"{path}: over {MOST_WARM_UP_RECORDS} records")
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") != "predict_log":
                raise ValueError(f"{path}: {log.WhichOneof('log_type')}")
            request = log.predict_log.request
            self.run(request.model_spec.signature_name, arrays(request.inputs))
        return count

    def signature(self, name):
        name = name or "serving_default"
        if name not in self.signature_def:
            raise Refused(
                INVALID_ARGUMENT,
                f'Serving signature name: "{name}" not found in signature def',
            )
        return self.signature_def[name]

    def run(self, name, feed):
        signature = self.signature(name)
        if feed.keys() != signature.inputs.keys():
            raise Refused(
                INVALID_ARGUMENT,
                "input size does not match signature: "
                f"sent {sorted(feed)}, required {sorted(signature.inputs)}",
            )
        for key, value in feed.items():
            wanted = tf.dtypes.as_dtype(signature.inputs[key].dtype)
            given = tf.string if value.dtype == object else tf.as_dtype(value.dtype)
            if wanted != given:
                raise Refused(
                    INVALID_ARGUMENT,
                    f"Expects {key} to be {wanted.name} but {given.name} is provided",
                )
        try:
            outputs = self._callable(name, signature)(
                *(feed[key] for key in sorted(feed))
            )
        except (tf.errors.OpError, ValueError) as error:
            code = getattr(error, "error_code", INVALID_ARGUMENT)
            raise Refused(code, str(error)[:2_000]) from error
        return dict(zip(sorted(signature.outputs), outputs, strict=True))

    def _callable(self, name, signature):
        with self._lock:
            if name not in self._runs:
                feeds = [signature.inputs[k].name for k in sorted(signature.inputs)]
                fetches = [signature.outputs[k].name for k in sorted(signature.outputs)]
                self._runs[name] = self.session.make_callable(fetches, feeds)
            return self._runs[name]


class Models:
    """The versions of one model, with labels from its `models.config`.

    Args:
        base: Folder of the versions.
        name: Its name; by default the one in `models.config`.
    """

    def __init__(self, base, name=None):
        self.base = Path(base)
        self.name = name
        self.versions, self.labels = {}, {}
        self.faults = deque()
        self.delay = 0.0
        self.largest = 0
        self.lost = 0
        self.requests = 0
        self.waiting = 0
        self.at_a_time = 0
        self.refresh()

    def refresh(self):
        """Loads what is new, and then takes the labels over, or says why not."""
        config = self.base / "models.config"
        labels = {}
        if config.exists():
            text = config.read_text("utf-8")
            parsed = text_format.Parse(
                text, model_server_config_pb2.ModelServerConfig()
            )
            (only,) = parsed.model_config_list.config
            self.name = self.name or only.name
            labels = dict(only.version_labels)
        for folder in self.base.iterdir():
            if folder.name.isdecimal() and int(folder.name) not in self.versions:
                self.versions[int(folder.name)] = Version(folder)
        for version in labels.values():
            if version not in self.versions:
                raise ValueError(f"version {version}, which is not available")
        self.labels = labels

    def find(self, name, version=None, label=None):
        if name != self.name:
            raise Refused(NOT_FOUND, f"Servable not found for request: Latest({name})")
        if label is not None:
            if label not in self.labels:
                raise Refused(
                    INVALID_ARGUMENT, f"Unrecognized servable version label: {label}"
                )
            version = self.labels[label]
        if version is None:
            version = max(self.versions)
        if version not in self.versions:
            raise Refused(
                NOT_FOUND,
                f"Servable not found for request: Specific({name}, {version})",
            )
        return self.versions[version]

    def predict(self, found, signature, feed):
        """Answers, unless a fault was asked for, or more rows than a batch holds."""
        self.requests += 1
        if self.delay:
            self.waiting += 1
            self.at_a_time = max(self.at_a_time, self.waiting)
            time.sleep(self.delay)
            self.waiting -= 1
        rows = max(map(len, feed.values()), default=0)
        if 0 < self.largest < rows:
            # In the words of TensorFlow's SharedBatchScheduler.
            raise Refused(
                INVALID_ARGUMENT,
                f"Task size {rows} is larger than maximum input batch size "
                f"{self.largest}",
            )
        try:
            raise Refused(self.faults.popleft(), "a fault that the test asked for")
        except IndexError:
            outputs = found.run(signature, feed)
            return {key: rows[: len(rows) - self.lost] for key, rows in outputs.items()}

    def control(self, wish):
        """What a test asks for: faults, a delay, a largest batch, rows lost, labels."""
        if wish.get("clear"):
            self.faults.clear()
            self.at_a_time = 0
        self.faults.extend(wish.get("faults", ()))
        self.delay = wish.get("delay", self.delay)
        self.largest = wish.get("largest", self.largest)
        self.lost = wish.get("lost", self.lost)
        if wish.get("refresh"):
            self.refresh()
        return {
            "requests": self.requests,
            "at_a_time": self.at_a_time,
            "faults": len(self.faults),
            "labels": self.labels,
            "warmed_up": {v.number: v.warmed_up for v in self.versions.values()},
        }


def arrays(tensors):
    """NumPy arrays of `TensorProto`s."""
    return {key: tf.make_ndarray(value) for key, value in tensors.items()}
