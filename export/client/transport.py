# SPDX-License-Identifier: Apache-2.0
"""What a way to a server has to offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

#: How signatures begin that are not to be called, such as that of initialization.
HIDDEN = "__"


@dataclass(frozen=True)
class Model:
    """Which model, and which version of it.

    Args:
        name: Its name on the server.
        version: Number of the version; None for the label's, or the newest.
        label: Label of the version, such as `"stable"`.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name} version {self.version}"
        return self.name if self.label is None else f"{self.name} {self.label!r}"


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
    """What a server says of a model.

    Args:
        version: The version that it would answer with; None if it does not say.
        signatures: Signatures of that version, by name.
    """

    version: int | None
    signatures: dict[str, Signature]


class Transport(Protocol):
    """A way to a server. Any number of threads may use one."""

    #: Whether an array without numbers keeps its sides on the way.
    keeps_empty_sides: bool
    #: Server and model, for messages.
    where: str

    def describe(self, timeout: float) -> Described:
        """Asks for the model's version and signatures."""

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """Asks for the model's signatures."""

    def predict(
        self,
        name: str,
        signature: Signature,
        feed: Mapping[str, np.ndarray],
        timeout: float,
        version: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Sends one request."""

    def close(self) -> None:
        """Closes its connections."""
