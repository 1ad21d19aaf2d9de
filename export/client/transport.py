# SPDX-License-Identifier: Apache-2.0
"""What a way to a server has to offer, and what servers say of models."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras.export.client.errors import ServingError

#: Code of the error for an answer that does not fit its request.
INVALID_ANSWER = "INVALID_ANSWER"
# How signatures begin that are not to be called, such as that of initialization.
_HIDDEN = "__"


@dataclass(frozen=True)
class Model:
    """Which model, and which version of it: by number, by label, or the newest."""

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name} version {self.version}"
        return self.name if self.label is None else f"{self.name} {self.label!r}"

    def at(self, version: int | None) -> Model:
        """The same model at one version, if that is known."""
        if version is None:
            return self
        return dataclasses.replace(self, version=version, label=None)


@dataclass(frozen=True)
class Tensor:
    """An input or output, as a server describes it.

    Args:
        dtype: NumPy dtype; object for strings.
        shape: Its sides; None for open ones.
    """

    dtype: np.dtype
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """A signature, as a server describes it.

    Args:
        inputs: Inputs by name.
        outputs: Outputs by name.
    """

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


@dataclass(frozen=True)
class Described:
    """What a server says of a model: the version it would answer with, if it tells."""

    version: int | None
    signatures: dict[str, Signature]


@dataclass(frozen=True)
class Call:
    """What all requests for some examples have in common; they end by `end`."""

    name: str
    signature: Signature
    end: float = math.inf
    version: int | None = None


class Transport(abc.ABC):
    """A way to a server. Any number of threads may use one."""

    def __init__(self, address: str, model: Model) -> None:
        self.where = f"{address}, model {model}"
        self.model = model

    @abc.abstractmethod
    def describe(self, timeout: float) -> Described:
        """Asks for the model's version and signatures."""

    @abc.abstractmethod
    def predict(
        self, call: Call, feed: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        """Sends one request."""

    @abc.abstractmethod
    def close(self) -> None:
        """Closes its connections."""

    def error(self, said: str, code: str, transient: bool = False) -> ServingError:
        """An error that names the server and the model."""
        return ServingError(f"{self.where}: {said}", code, transient)


def described(version: int | None, definitions: Mapping[str, Any]) -> Described:
    """Brings what a server says, as `SignatureDef`s, to what the client needs."""
    return Described(
        version,
        {
            name: Signature(_tensors(entry.inputs), _tensors(entry.outputs))
            for name, entry in definitions.items()
            if not name.startswith(_HIDDEN)
        },
    )


def _tensors(infos: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        key: Tensor(
            np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype),
            tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim),
        )
        for key, info in infos.items()
    }
