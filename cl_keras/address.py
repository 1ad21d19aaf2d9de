# SPDX-License-Identifier: Apache-2.0
"""Addresses of processes: `host:port`."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})")


def split_address(text: str) -> tuple[str, int] | None:
    """Takes an address apart.

    Args:
        text: `host:port`; an IPv6 address stands in brackets.

    Returns:
        Host, with its brackets, and port; None if it is no address.

    Example:
    >>> split_address("[::1]:5050"), split_address("here:0"), split_address("here")
    (('[::1]', 5050), None, None)
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match[2]) < 65536:
        return None
    return match[1], int(match[2])
