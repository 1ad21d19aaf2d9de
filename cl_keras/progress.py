# SPDX-License-Identifier: Apache-2.0
"""A sign of life of what takes long: a line on standard error now and then."""

from __future__ import annotations

import sys
import time


class Progress:
    """Counts, and says how far it is, every few seconds.

    Nothing is said of what is done at once.

    Args:
        what: What is counted, such as `"images of photos read"`.
        total: How many there are.
        seconds: From one line to the next.

    Example:
    >>> progress = Progress("images read", 2, seconds=0.0)
    >>> progress.add(2)  # On standard error: 2 of 2 images read
    """

    def __init__(self, what: str, total: int, seconds: float = 5.0) -> None:
        self._what, self._total, self._seconds = what, total, seconds
        self._done = 0
        self._start = self._said = time.monotonic()

    def add(self, count: int) -> None:
        """Counts some more."""
        self._done += count
        now = time.monotonic()
        if now - self._said < self._seconds:
            return
        self._said = now
        spent = now - self._start
        left = spent / self._done * (self._total - self._done) if self._done else 0.0
        rest = f", about {left:,.0f} s left" if left >= 1 else ""
        print(
            f"{self._done:,} of {self._total:,} {self._what} in {spent:,.0f} s{rest}",
            file=sys.stderr,
            flush=True,
        )
