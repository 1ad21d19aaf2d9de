# SPDX-License-Identifier: Apache-2.0
"""The options of a builder of encoders."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container
from typing import Any

from cl_keras.registry import unknown


def check_options(
    name: str, builder: Callable, options: dict[str, Any], taken: Container[str]
) -> None:
    """Names the near option where one is unknown; `taken` are not the caller's."""
    known = [p for p in inspect.signature(builder).parameters if p not in taken]
    for option in options:
        if option not in known:
            raise unknown(f"option of the encoder {name}", option, known)
