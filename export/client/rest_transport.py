# SPDX-License-Identifier: Apache-2.0
"""Over REST, on connections that urllib3 keeps open."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import numpy as np
import urllib3
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as ExchangeTimeout

from cl_keras.export.client.deadline_socket import Connection, SecureConnection
from cl_keras.export.client.inputs import with_an_edge
from cl_keras.export.client.transport import (
    INVALID_ANSWER,
    Call,
    Described,
    Model,
    Tensor,
    Transport,
    described,
)

T = TypeVar("T")

_BUSY = (429, 503)
_PART = 2**16
# What reading an answer raises that has another form, or numbers that do not fit.
_UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    json_format.Error,
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


class RestTransport(Transport):
    """Connections to `http://host:port`, or with a path in front of `/v1`."""

    def __init__(
        self, url: str, model: Model, *, max_message_bytes: int, connections: int = 1
    ) -> None:
        super().__init__(url, model)
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        # One for all connections: the system's certificates take long to load.
        tls = {"ssl_context": ssl.create_default_context()} if secure else {}
        # Tried again in `retrying`: each by itself has one attempt.
        self._pool = urllib3.connection_from_url(
            url, maxsize=connections, timeout=1.0, retries=False, **tls
        )
        self._pool.ConnectionCls = SecureConnection if secure else Connection  # type: ignore[assignment]
        self._path = f"{parts.path.rstrip('/')}/v1/models/{quote(model.name)}"
        self._limit = max_message_bytes

    def describe(self, timeout: float) -> Described:
        """See `Transport`."""
        path = f"{self._version_path(self.model)}/metadata"
        return self._ask("GET", path, None, timeout, _described)

    def predict(
        self, call: Call, feed: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        """See `Transport`."""
        sent = with_an_edge(feed)
        values = {key: _to_json(value) for key, value in sent.items()}
        body = json.dumps({"signature_name": call.name, "inputs": values}).encode()
        if len(body) > self._limit:
            raise self.error(
                f"a request of {len(body)} bytes (see max_message_bytes)", "413"
            )

        def read(answer: Any) -> dict[str, np.ndarray]:
            if "outputs" not in answer and "error" in answer:
                raise self.error(str(answer["error"])[:500], INVALID_ANSWER)
            outputs, wanted = answer["outputs"], call.signature.outputs
            if len(wanted) == 1:  # A single output comes without its name.
                outputs = {next(iter(wanted)): outputs}
            arrays = {key: _from_json(outputs[key], t) for key, t in wanted.items()}
            if sent is feed:
                return arrays
            return {key: array[:-1] for key, array in arrays.items()}

        path = f"{self._version_path(self.model.at(call.version))}:predict"
        return self._ask("POST", path, body, timeout, read)

    def close(self) -> None:
        """See `Transport`."""
        self._pool.close()

    def _version_path(self, model: Model) -> str:
        if model.version is not None:
            return f"{self._path}/versions/{model.version}"
        if model.label is not None:
            return f"{self._path}/labels/{quote(model.label)}"
        return self._path

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout: float,
        read: Callable[[Any], T],
    ) -> T:
        status, content = self._exchange(method, path, body, timeout)
        if status != 200:
            said = f"HTTP {status}: {_reason(content)}"
            raise self.error(said, str(status), transient=status in _BUSY)
        try:
            return read(json.loads(content, object_pairs_hook=_once))
        except _UNREADABLE as error:
            said = f"{type(error).__name__}: {str(error)[:200]}"
            raise self.error(
                "an answer that is none of TensorFlow Serving for this signature "
                f"({said}): {content[:200]!r}",
                INVALID_ANSWER,
            ) from error

    def _exchange(
        self, method: str, path: str, body: bytes | None, timeout: float
    ) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        end = time.monotonic() + timeout
        try:
            response = self._pool.urlopen(
                method,
                path,
                body,
                {"Content-Type": "application/json"},
                redirect=False,
                timeout=urllib3.Timeout(total=timeout),
                preload_content=False,
            )
            parts, size = [], 0
            for part in response.stream(_PART, decode_content=False):
                parts.append(part)
                size += len(part)
                if size > self._limit:
                    response.close()
                    raise self.error(
                        f"an answer of over {self._limit} bytes "
                        "(see max_message_bytes)",
                        "413",
                    )
            response.release_conn()
        except HTTPError as error:
            late = isinstance(error, ExchangeTimeout) or time.monotonic() >= end
            if late and not isinstance(error, NewConnectionError):
                raise self.error(f"no answer within {timeout:g} s", "408") from error
            # Refused, or closed while it was idle: a server that starts or restarts.
            said = f"{type(error).__name__}: {error}"
            raise self.error(said, "503", transient=True) from error
        return response.status, b"".join(parts)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, in which no name may come twice."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError(f"a name comes twice among {[key for key, _ in pairs][:20]}")
    return content


def _described(answer: Any) -> Described:
    version = answer.get("model_spec", {}).get("version")
    entries = answer["metadata"]["signature_def"]["signature_def"]
    definitions = {
        name: json_format.ParseDict(
            entry, meta_graph_pb2.SignatureDef(), ignore_unknown_fields=True
        )
        for name, entry in entries.items()
    }
    return described(None if version in (None, "") else int(version), definitions)


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
    objects = np.array(value, dtype=object)
    kinds = set(map(type, objects.ravel().tolist()))
    if wrong := kinds - _KINDS[tensor.dtype.kind]:
        names = sorted(kind.__name__ for kind in wrong)
        raise ValueError(f"expected {tensor.dtype}, received {', '.join(names)}")
    if tensor.dtype == object:
        array = np.empty(objects.shape, dtype=object)
        array.ravel()[:] = [_string(item) for item in objects.ravel()]
        return array
    with np.errstate(over="ignore"):  # To infinity, which no answer may hold.
        array = objects.astype(tensor.dtype)
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
