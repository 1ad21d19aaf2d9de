# SPDX-License-Identifier: Apache-2.0
"""HTTP connections of which a whole exchange ends by one moment.

Timeouts of urllib3 are of each address of a name and, as those of sockets, of each
read: a server that sends a byte now and then would never be given up.
"""

from __future__ import annotations

import io
import socket
import time
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection

_PART = 2**16


class Connection(HTTPConnection):
    """A connection whose `timeout` is of all that follows, until it is set again."""

    _end = 0.0

    @property
    def timeout(self) -> float:  # type: ignore[override]
        """Seconds that are left."""
        return max(0.0, self._end - time.monotonic())

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def connect(self) -> None:
        """Connects; addresses of one name, and a TLS handshake, share the time."""
        end = self._end
        addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        self.timeout /= len(addresses) + 1
        super().connect()
        self._end = end
        self.sock: Any = _Socket(self.sock, self)


class SecureConnection(Connection, HTTPSConnection):
    """The same over TLS."""


class _Socket:
    """A connected socket whose operations end when the time of its connection does."""

    def __init__(self, sock: Any, connection: Connection) -> None:
        self._sock, self._connection = sock, connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, _: float | None) -> None:
        """Nothing: the connection says how much time is left."""

    def sendall(self, data: Any) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            _arm(self._sock, self._connection)
            rest = rest[self._sock.send(rest[:_PART]) :]

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """What is received, as `http.client` reads it."""
        return io.BufferedReader(_Received(self._sock, self._connection), _PART)


class _Received(io.RawIOBase):
    def __init__(self, sock: Any, connection: Connection) -> None:
        self._raw = sock.makefile("rb", buffering=0)
        self._sock, self._connection = sock, connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _arm(self._sock, self._connection)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _arm(sock: Any, connection: Connection) -> None:
    """Gives what is left of the time to the next operation of a socket."""
    seconds = connection.timeout
    if not seconds:
        raise TimeoutError("no time is left")
    sock.settimeout(seconds)
