# SPDX-License-Identifier: Apache-2.0
"""Embeddings from a server: NumPy in, NumPy out."""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

from cl_keras import artifact
from cl_keras.export.client import answers, batches, inputs
from cl_keras.export.client.batches import Examples
from cl_keras.export.client.errors import ServingError
from cl_keras.export.client.grpc_transport import GrpcTransport
from cl_keras.export.client.rest_transport import RestTransport
from cl_keras.export.client.retrying import retry
from cl_keras.export.client.transport import (
    Call,
    Described,
    Model,
    Signature,
    Transport,
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
        self._transport = _transport(
            url, Model(model, version, label), max_message_bytes, concurrency
        )
        self._pool = ThreadPoolExecutor(concurrency, "embedding-client")
        self._lock = threading.Lock()
        self._described: Described | None = None

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
        end = time.monotonic() + (self._deadline or math.inf)
        signatures = self._describe(end).signatures
        call = Call(*batches.choose(signatures, self._signature, examples), end)
        if isinstance(examples, Mapping):
            if len(call.signature.inputs) > 1:
                feed = inputs.graph(examples, call.name, call.signature)
                if inputs.rows(feed) == 0:
                    return inputs.nothing(call.signature)
                # As all requests, so that there are never more of them at a time.
                return self._pool.submit(self._send, feed, call).result()
            (examples,) = examples.values()
        # A server that batches never answers a request without rows.
        if not len(examples):
            return inputs.nothing(call.signature)
        while True:
            size = self._size
            try:
                return self._ask_all(examples, call, size)
            except ServingError as error:
                limit = _TOO_MANY.search(str(error))
                if not limit or not 0 < int(limit[1]) < size:
                    raise
                self._size = min(self._size, int(limit[1]))

    def _ask_all(
        self, examples: Examples, call: Call, size: int
    ) -> dict[str, np.ndarray]:
        """Requests of up to `size` rows, all to one version."""
        plan = batches.plan(examples, size)
        if len(plan) > 1 and self._transport.model.version is None:
            version = self._describe(call.end, fresh=True).version
            call = replace(call, version=version)

        def ask(places: list[int]) -> dict[str, np.ndarray]:
            feed = batches.feed(examples, places, call.name, call.signature)
            return self._send(feed, call)

        # After an error `map` cancels the requests that have not begun.
        return batches.together(list(self._pool.map(ask, plan)), plan)

    def _send(self, feed: dict[str, np.ndarray], call: Call) -> dict[str, np.ndarray]:
        answer = retry(
            lambda left: self._transport.predict(call, feed, left),
            self._seconds(call.end),
            asked=min(self._timeout, self._deadline or self._timeout),
        )
        try:
            return answers.checked(
                answer, call.signature, inputs.rows(feed), self._transport.where
            )
        except ServingError:
            # Of another version, it may be: the next call asks what that has.
            with self._lock:
                self._described = None
            raise

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
        # No longer than this call may take, whoever else is asking.
        if not self._lock.acquire(timeout=self._seconds(end)):
            raise self._late()
        try:
            if self._described is None or fresh:
                self._described = retry(self._transport.describe, self._seconds(end))
            return self._described
        finally:
            self._lock.release()

    def _seconds(self, end: float) -> float:
        """How long one request may take."""
        seconds = min(self._timeout, end - time.monotonic())
        if seconds <= 0:
            raise self._late()
        return seconds

    def _late(self) -> ServingError:
        said = f"no time is left of {self._deadline or self._timeout:g} s"
        return self._transport.error(said, "DEADLINE_EXCEEDED")

    def close(self) -> None:
        """Ends the client's threads and connections."""
        self._pool.shutdown(cancel_futures=True)
        self._transport.close()

    def __enter__(self) -> EmbeddingClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _transport(
    url: str, model: Model, max_message_bytes: int, concurrency: int
) -> Transport:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        return RestTransport(
            url,
            model,
            max_message_bytes=max_message_bytes,
            connections=concurrency + 1,  # And one that asks for the signatures.
        )
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
