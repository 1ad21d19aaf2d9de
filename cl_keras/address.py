# SPDX-License-Identifier: Apache-2.0
"""Addresses of processes: `host:port`."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})")


def split_address(text: str) -> tuple[str, int] | None:
    """Takes an address apart."""
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match[2]) < 65536:
        return None
    return match[1], int(match[2])
