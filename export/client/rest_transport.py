# SPDX-License-Identifier: Apache-2.0
"""Over REST, with the standard library."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from cl_keras.export.client.answers import CODE
from cl_keras.export.client.deadline_socket import Connection, SecureConnection
from cl_keras.export.client.errors import ServingError
from cl_keras.export.client.transport import (
    HIDDEN,
    Described,
    Model,
    Signature,
    Tensor,
)

T = TypeVar("T")

_BUSY = (429, 503)
# What reading an answer raises that has another form, or numbers that do not fit.
_UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
# Types of JSON that may stand for a dtype, by its kind.
_KINDS: Mapping[str, set[type]] = {
    "f": {int, float},
    "V": {int, float},  # bfloat16
    "i": {int},
    "u": {int},
    "b": {bool},
    "O": {str, dict},
}


class RestTransport:
    """Connections to a server, one a thread, kept open.

    Args:
        url: `http://host:port`, or with a path in front of `/v1`.
        model: The model.
        max_message_bytes: The longest message to send and to receive.
    """

    keeps_empty_sides = False

    def __init__(self, url: str, model: Model, *, max_message_bytes: int) -> None:
        parts = urlsplit(url)
        self._kind = SecureConnection if parts.scheme == "https" else Connection
        self._host, self._port = parts.hostname or "", parts.port
        self._path = f"{parts.path.rstrip('/')}/v1/models/{quote(model.name)}"
        self.where = f"{url}, model {model}"
        self._model = model
        self._limit = max_message_bytes
        self._own = threading.local()
        self._open: list[Connection] = []
        self._lock = threading.Lock()

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """See `Transport`."""
        return self.describe(timeout).signatures

    def describe(self, timeout: float) -> Described:
        """See `Transport`."""
        return self._ask("GET", f"{self._chosen()}/metadata", None, timeout, _described)

    def _chosen(self, version: int | None = None) -> str:
        version = self._model.version if version is None else version
        if version is not None:
            return f"/versions/{version}"
        label = self._model.label
        return "" if label is None else f"/labels/{quote(label)}"

    def predict(
        self,
        name: str,
        signature: Signature,
        feed: Mapping[str, np.ndarray],
        timeout: float,
        version: int | None = None,
    ) -> dict[str, np.ndarray]:
        """See `Transport`."""
        inputs = {key: _to_json(value) for key, value in feed.items()}
        body = json.dumps({"signature_name": name, "inputs": inputs}).encode()

        def read(answer: Any) -> dict[str, np.ndarray]:
            if "outputs" not in answer and "error" in answer:
                raise self._error(str(answer["error"])[:500], CODE)
            outputs = answer["outputs"]
            if len(signature.outputs) == 1:  # A single output comes without its name.
                outputs = {next(iter(signature.outputs)): outputs}
            return {
                key: _from_json(outputs[key], tensor)
                for key, tensor in signature.outputs.items()
            }

        suffix = f"{self._chosen(version)}:predict"
        return self._ask("POST", suffix, body, timeout, read)

    def close(self) -> None:
        """See `Transport`."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _ask(
        self,
        method: str,
        suffix: str,
        body: bytes | None,
        timeout: float,
        read: Callable[[Any], T],
    ) -> T:
        if body is not None and len(body) > self._limit:
            raise self._error(
                f"a request of {len(body)} bytes (see max_message_bytes)", "413"
            )
        connection = self._connection(timeout)
        try:
            connection.request(
                method,
                self._path + suffix,
                body,
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            content = _content(response, self._limit + 1)
        except TimeoutError as error:
            connection.close()
            raise self._error(f"no answer within {timeout:g} s", "408") from error
        except (OSError, http.client.HTTPException) as error:
            # Refused, or closed while it was idle: a server that starts or restarts.
            connection.close()
            said = f"{type(error).__name__}: {error}"
            raise self._error(said, "503", transient=True) from error
        if len(content) > self._limit:
            connection.close()
            raise self._error(
                f"an answer of over {self._limit} bytes (see max_message_bytes)", "413"
            )
        if response.status != 200:
            said = _reason(content)
            busy = response.status in _BUSY
            raise self._error(
                f"HTTP {response.status}: {said}", str(response.status), busy
            )
        try:
            return read(json.loads(content, object_pairs_hook=_once))
        except _UNREADABLE as error:
            said = f"{type(error).__name__}: {str(error)[:200]}"
            raise self._error(
                "an answer that is none of TensorFlow Serving for this signature "
                f"({said}): {content[:200]!r}",
                CODE,
            ) from error

    def _error(self, said: str, code: str, transient: bool = False) -> ServingError:
        return ServingError(f"{self.where}: {said}", code, transient)

    def _connection(self, timeout: float) -> Connection:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._kind(self._host, self._port)
            with self._lock:
                self._open.append(connection)
        connection.until(time.monotonic() + timeout)
        return connection


def _content(response: http.client.HTTPResponse, most: int) -> bytes:
    """The body, or as much of it as may be."""
    parts, size = [], 0
    while size < most and (part := response.read1(most - size)):
        parts.append(part)
        size += len(part)
    if response.length and size < most:
        raise http.client.IncompleteRead(b"", response.length)
    response.close()  # `read1` leaves that to its caller; the connection stays.
    return b"".join(parts)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, in which no name may come twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError(f"a name comes twice among {[key for key, _ in pairs][:20]}")
    return made


def _described(answer: Any) -> Described:
    found = answer["metadata"]["signature_def"]["signature_def"]
    version = answer.get("model_spec", {}).get("version")
    return Described(
        None if version in (None, "") else int(version),
        {
            name: Signature(_tensors(entry["inputs"]), _tensors(entry["outputs"]))
            for name, entry in found.items()
            if not name.startswith(HIDDEN)
        },
    )


def _reason(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:500]


def _to_json(value: np.ndarray) -> Any:
    if value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(item).decode("ascii")} for item in value]


def _from_json(value: Any, tensor: Tensor) -> np.ndarray:
    # As objects first: NumPy would take null for NaN, "1" for 1, and "no" for true.
    found = np.array(value, dtype=object)
    kinds = set(map(type, found.ravel().tolist()))
    if wrong := kinds - _KINDS[tensor.dtype.kind]:
        names = sorted(kind.__name__ for kind in wrong)
        raise ValueError(f"expected {tensor.dtype}, received {', '.join(names)}")
    if tensor.dtype == object:
        array = np.empty(found.shape, dtype=object)
        array.ravel()[:] = [_string(item) for item in found.ravel()]
        return array
    with np.errstate(over="ignore"):  # To infinity, which no answer may hold.
        array = found.astype(tensor.dtype)
    if array.size == 0:
        # JSON's empty lists have lost the sides inside of them.
        rest = (side or 0 for side in tensor.shape[array.ndim :])
        array = array.reshape(*array.shape, *rest)
    return array


def _string(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if item.keys() != {"b64"}:
        raise ValueError(f"expected a string or b64, received {sorted(item)}")
    return base64.b64decode(item["b64"], validate=True)


def _tensors(infos: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        key: Tensor(
            np.dtype(
                tf.dtypes.as_dtype(
                    types_pb2.DataType.Value(info["dtype"])
                ).as_numpy_dtype
            ),
            tuple(
                None if int(dim["size"]) < 0 else int(dim["size"])
                for dim in info["tensor_shape"].get("dim", [])
            ),
        )
        for key, info in infos.items()
    }
