# SPDX-License-Identifier: Apache-2.0
"""HTTP connections of which a whole exchange ends by one moment.

The timeout of a socket is of each read: a server that sends a byte now and then would
never be given up.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import Any

_PART = 2**16


class DeadlineSocket:
    """A connected socket whose operations all end by `end`.

    Args:
        sock: The socket.
        end: A moment of `time.monotonic()`.
    """

    def __init__(self, sock: Any, end: float) -> None:
        self._sock = sock
        self.end = end

    def sendall(self, data: Any) -> None:
        """Sends bytes; as `socket.socket.sendall`."""
        rest = memoryview(data).cast("B")
        while rest:
            self._arm()
            rest = rest[self._sock.send(rest[:_PART]) :]

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Opens what is received for reading, as `http.client` does."""
        raw = self._sock.makefile("rb", buffering=0)
        return io.BufferedReader(_Armed(raw, self._arm), _PART)

    def close(self) -> None:
        """Closes the socket."""
        self._sock.close()

    def _arm(self) -> None:
        self._sock.settimeout(left(self.end))


class _Armed(io.RawIOBase):
    """Each read may take what is left until the end."""

    def __init__(self, raw: Any, arm: Callable[[], None]) -> None:
        self._raw, self._arm = raw, arm

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._arm()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def left(end: float) -> float:
    """Says how many seconds are left."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no time is left")
    return seconds


class Connection(http.client.HTTPConnection):
    """A connection whose exchanges end by `end`, which is set before each."""

    end = 0.0

    def connect(self) -> None:
        """Connects; addresses of one name, and a TLS handshake, share the time."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        self.timeout = left(self.end) / (len(found) + 1)
        super().connect()
        self.sock: Any = DeadlineSocket(self.sock, self.end)

    def until(self, end: float) -> None:
        """Sets the moment by which the next exchange ends."""
        self.end = end
        if self.sock is not None:
            self.sock.end = end


class SecureConnection(Connection, http.client.HTTPSConnection):
    """The same over TLS."""
