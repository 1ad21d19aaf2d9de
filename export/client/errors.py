# SPDX-License-Identifier: Apache-2.0
"""What a server may answer instead of embeddings."""

from __future__ import annotations


class ServingError(RuntimeError):
    """A request that was not answered.

    Args:
        message: What the server said, and where.
        code: gRPC's name of the error, `"INVALID_ARGUMENT"`, or HTTP's number, `"400"`.
        transient: Whether the same request may be answered later.
    """

    def __init__(self, message: str, code: str, transient: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.transient = transient
