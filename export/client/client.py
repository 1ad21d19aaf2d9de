# SPDX-License-Identifier: Apache-2.0
"""Embeddings from a server: NumPy in, NumPy out."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from cl_keras import artifact
from cl_keras.export.client import answers, batches, inputs
from cl_keras.export.client.batches import Examples
from cl_keras.export.client.errors import ServingError
from cl_keras.export.client.grpc_transport import GrpcTransport
from cl_keras.export.client.rest_transport import RestTransport
from cl_keras.export.client.retrying import retry
from cl_keras.export.client.transport import Described, Model, Signature, Transport

#: Signatures that take files, in the order they are looked for.
FILE_SIGNATURES = (
    artifact.BYTES_SIGNATURE,
    artifact.AUDIO_SIGNATURE,
    artifact.GRAPH_SIGNATURE,
)
# What a server that batches says of a request with more rows than its largest batch.
_TOO_MANY = re.compile(r"larger than maximum (?:input )?batch size (\d+)")


class Embeddings(NamedTuple):
    """What a server gave for some examples.

    Args:
        embedding: `(examples, D)` float32.
        valid: `(examples,)` bool: False where an example could not be read, and its
            embedding is zeros; None if the signature does not tell.
    """

    embedding: np.ndarray
    valid: np.ndarray | None


class EmbeddingClient:
    """Embeds examples by an encoder on a TensorFlow Serving.

    Examples are sent in batches, several at a time. A server that is overloaded,
    restarts or cannot be reached (UNAVAILABLE, RESOURCE_EXHAUSTED; HTTP 429, 503) is
    asked again, after random waits that double, until the deadline. Any number of
    threads may use one client.

    Args:
        url: `grpc://host:port`, for which the extra `serving` is needed, or
            `http://host:port`; `grpcs://` and `https://` for TLS. gRPC is several times
            as fast with arrays.
        model: Name of the model on the server.
        signature: The signature; by default the one for what is sent: `image_bytes`,
            `audio_bytes` or `graph_tensor` for files, `serving_default` for arrays.
        version: Number of the version.
        label: Label of the version, such as `"stable"`. By default the newest one.
        max_batch_size: Examples in a request. A server that batches names its own
            limit when it refuses more; then requests of that size are sent.
        concurrency: Requests at a time.
        deadline: Seconds for a whole call, with all its requests, attempts and waits.
            By default a call may take as long as it has requests, each in `timeout`.
        timeout: Seconds for one request, with all its attempts.
        max_message_bytes: The longest request and answer.

    Raises:
        ValueError: If the URL or a number is none of the above.
        ImportError: If the extra `serving` is needed and not installed.

    Example:
    >>> with EmbeddingClient("http://localhost:8501", model="photos") as client:
    ...     client.signatures(deadline=0.01)
    Traceback (most recent call last):
    cl_keras.export.client.errors.ServingError: http://localhost:8501, model photos: ...
    """

    def __init__(
        self,
        url: str,
        *,
        model: str,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
        max_batch_size: int = 32,
        concurrency: int = 4,
        deadline: float | None = None,
        timeout: float = 60.0,
        max_message_bytes: int = 256 << 20,
    ) -> None:
        if version is not None and label is not None:
            raise ValueError(
                f"Expected version or label. Received: {version} and {label!r}"
            )
        for name, value in (
            ("max_batch_size", max_batch_size),
            ("concurrency", concurrency),
            ("deadline", deadline),
            ("timeout", timeout),
        ):
            if value is not None and value <= 0:
                raise ValueError(f"Expected {name} > 0. Received: {value}")
        self._signature = signature
        self._size = max_batch_size
        self._deadline, self._timeout = deadline, timeout
        self._pinned = version is not None
        self._transport = _transport(
            url, Model(model, version, label), max_message_bytes
        )
        self._pool = ThreadPoolExecutor(concurrency, "embedding-client")
        self._lock = threading.Lock()
        self._known: Described | None = None

    def embed(self, examples: Examples | Mapping[str, np.ndarray]) -> Embeddings:
        """Embeds examples, in order.

        Args:
            examples: Files' bytes; or their paths, which are read here; or arrays, as
                one or as a list, which may differ in length. A dict of arrays is one
                request by itself: `features` and `edges` of a graph.

        Returns:
            The embeddings and, if the signature tells, which examples are valid.

        Raises:
            ServingError: If a request is not answered.
            ValueError: If the signature takes something else.
            OSError: If a file cannot be read.
        """
        outputs = self.predict(examples)
        if artifact.OUTPUT not in outputs:
            raise ValueError(
                f"Expected a signature with the output {artifact.OUTPUT!r}. Received: "
                f"{sorted(outputs)}; use `predict`"
            )
        valid = outputs.get(artifact.VALID)
        return Embeddings(outputs[artifact.OUTPUT], valid)

    def predict(
        self, examples: Examples | Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Returns all outputs of the signature, such as those of `neighbors`.

        Args:
            examples: As for `embed`.

        Returns:
            An array for each output, a row an example.

        Raises:
            ServingError: If a request is not answered.
            ValueError: If the signature takes something else.
            OSError: If a file cannot be read.
        """
        if isinstance(examples, bytes | str | os.PathLike):
            raise ValueError(
                "Expected examples, such as a list of paths or of bytes. Received: "
                f"one {type(examples).__name__}"
            )
        end = time.monotonic() + (self._deadline or float("inf"))
        name, signature = self._choose(examples, end)
        if isinstance(examples, Mapping):
            if len(signature.inputs) > 1:
                return self._ask_one(examples, name, signature, end)
            (examples,) = examples.values()
        # A server that batches never answers a request without rows.
        if not len(examples):
            return inputs.nothing(signature)
        while True:
            size = self._size
            try:
                return self._ask_all(examples, name, signature, size, end)
            except ServingError as error:
                found = _TOO_MANY.search(str(error))
                if not found or not 0 < int(found[1]) < size:
                    raise
                self._size = min(self._size, int(found[1]))

    def _ask_one(
        self,
        examples: Mapping[str, np.ndarray],
        name: str,
        signature: Signature,
        end: float,
    ) -> dict[str, np.ndarray]:
        """One request of several inputs: a graph."""
        feed = {
            key: inputs.as_input(
                examples[key] if np.size(examples[key]) else _empty(examples[key], t),
                key,
                t,
                name,
            )
            for key, t in signature.inputs.items()
        }
        count = inputs.rows(feed)
        if count == 0:
            return inputs.nothing(signature)
        sent = feed
        if not self._transport.keeps_empty_sides:
            sent = inputs.with_an_edge(feed)
        # Not here: connections belong to the pool's threads.
        answer = self._pool.submit(self._send, name, signature, sent, end).result()
        return {key: value[:count] for key, value in answer.items()}

    def _ask_all(
        self, examples: Examples, name: str, signature: Signature, size: int, end: float
    ) -> dict[str, np.ndarray]:
        """Requests of up to `size` rows, all to one version."""
        plan = batches.plan(examples, size)
        version = None
        if len(plan) > 1 and not self._pinned:
            version = self._describe(end, fresh=True).version

        def ask(places: list[int]) -> dict[str, np.ndarray]:
            feed = batches.feed(examples, places, name, signature)
            return self._send(name, signature, feed, end, version)

        futures = [self._pool.submit(ask, places) for places in plan]
        try:
            found = [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
        return batches.together(found, plan)

    def signatures(self, *, deadline: float | None = None) -> dict[str, Signature]:
        """Asks for the model's signatures, once.

        Args:
            deadline: Seconds to try; by default those of the client.

        Returns:
            Signatures by name, with `inputs` and `outputs` by name, each with `dtype`
            (object for strings) and `shape`.

        Raises:
            ServingError: If the server does not tell.
        """
        limit = self._deadline or self._timeout if deadline is None else deadline
        return self._describe(time.monotonic() + limit).signatures

    def _describe(self, end: float, fresh: bool = False) -> Described:
        with self._lock:
            if self._known is None or fresh:
                self._known = retry(self._transport.describe, self._seconds(end))
            return self._known

    def _seconds(self, end: float) -> float:
        """How long one request may take."""
        seconds = min(self._timeout, end - time.monotonic())
        if seconds <= 0:
            raise ServingError(
                f"{self._transport.where}: no time is left of deadline="
                f"{self._deadline:g} s",
                "DEADLINE_EXCEEDED",
            )
        return seconds

    def close(self) -> None:
        """Ends the client's threads and connections."""
        self._pool.shutdown(cancel_futures=True)
        self._transport.close()

    def __enter__(self) -> EmbeddingClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(
        self,
        name: str,
        signature: Signature,
        feed: dict[str, np.ndarray],
        end: float,
        version: int | None = None,
    ) -> dict[str, np.ndarray]:
        answer = retry(
            lambda left: self._transport.predict(name, signature, feed, left, version),
            self._seconds(end),
            asked=min(self._timeout, self._deadline or self._timeout),
        )
        try:
            where = self._transport.where
            return answers.checked(answer, signature, inputs.rows(feed), where)
        except ServingError:
            # Of another version, it may be: the next call asks what that has.
            with self._lock:
                self._known = None
            raise

    def _choose(self, examples: Any, end: float) -> tuple[str, Signature]:
        known = self._describe(end).signatures
        wanted = self._signature
        if wanted is None:
            files = not isinstance(examples, Mapping) and batches.are_files(examples)
            wanted = artifact.FLOAT_SIGNATURE
            if files:
                wanted = next((n for n in FILE_SIGNATURES if n in known), wanted)
        if wanted not in known:
            raise ValueError(
                f"Expected one of the model's signatures {sorted(known)}. Received: "
                f"{wanted!r}"
            )
        signature = known[wanted]
        if isinstance(examples, Mapping):
            if examples.keys() != signature.inputs.keys():
                raise ValueError(
                    f"Expected the inputs {sorted(signature.inputs)} for {wanted!r}. "
                    f"Received: {sorted(examples)}"
                )
        elif len(signature.inputs) != 1:
            raise ValueError(
                f"Expected a dict of {sorted(signature.inputs)} for {wanted!r}. "
                f"Received: {type(examples).__name__}"
            )
        return wanted, signature


def _empty(value: Any, tensor: Any) -> np.ndarray:
    """No rows, however they were written: `[]` has lost the other sides."""
    sides = np.shape(value)
    if len(sides) == len(tensor.shape):
        return np.zeros(sides, tensor.dtype)
    return np.zeros((0, *(side or 0 for side in tensor.shape[1:])), tensor.dtype)


def _transport(url: str, model: Model, max_message_bytes: int) -> Transport:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        return RestTransport(url, model, max_message_bytes=max_message_bytes)
    if parts.scheme in ("grpc", "grpcs") and parts.hostname:
        return GrpcTransport(
            parts.netloc,
            model,
            secure=parts.scheme == "grpcs",
            max_message_bytes=max_message_bytes,
        )
    raise ValueError(
        f"Expected grpc://host:port, grpcs://, http:// or https://. Received: {url!r}"
    )
