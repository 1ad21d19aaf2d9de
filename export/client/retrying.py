# SPDX-License-Identifier: Apache-2.0
"""Trying again, within a deadline, over whatever transport.

Neither library does this within a deadline: gRPC's retry policy has five attempts at
most, a second or two, and urllib3's `Retry` counts attempts also, each of which has the
whole timeout. A server that restarts is away for longer.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from cl_keras.export.client.errors import ServingError

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # Seconds.


def retry(call: Callable[[float], T], deadline: float, asked: float | None = None) -> T:
    """Calls until the answer is there, the error is final, or time is up.

    Between calls it waits a random time up to a bound that doubles: clients that were
    refused together do not come back together.
    """
    end = time.monotonic() + deadline
    attempt = 0
    while True:
        try:
            return call(max(0.001, end - time.monotonic()))
        except ServingError as error:
            attempt += 1
            if not error.transient:
                raise
            wait = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)))
            if time.monotonic() + wait >= end:
                raise ServingError(
                    f"{error} (given up after {attempt} attempts in "
                    f"{asked or deadline:g} s)",
                    error.code,
                    transient=True,
                ) from error
        time.sleep(wait)
