# SPDX-License-Identifier: Apache-2.0
"""Addresses of the files of rows: which are taken, and how they are shown."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def without_secrets(source: str) -> str:
    """Writes the address of a source for messages: no user, password or query."""
    if "://" not in source:
        return source
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query="", fragment=""))


def is_source(value: object) -> bool:
    """Whether a row may name it: its own registry, a directory or an address."""
    if not isinstance(value, str) or not value.strip():
        return False
    if "://" not in value:
        return True  # "packaged" or a directory.
    # `urlsplit` leaves control characters out; whoever prints or asks does not.
    if not value.isprintable():
        return False
    try:
        address, _ = urlsplit(value), urlsplit(value).port
    except ValueError:
        return False
    if address.scheme == "file":
        return address.netloc in ("", "localhost") and bool(address.path)
    # Plain http only on this machine: a checksum does not hide what is fetched.
    local = address.hostname in ("localhost", "127.0.0.1", "::1")
    secure = address.scheme == "https" or (address.scheme == "http" and local)
    return secure and bool(address.netloc)
