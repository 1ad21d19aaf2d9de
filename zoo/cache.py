# SPDX-License-Identifier: Apache-2.0
"""Downloads: each file once, complete or not at all, never more than its row says."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from cl_keras.artifact import (
    ArtifactError,
    ChangedFileError,
    FileRecord,
    UnsafeNameError,
)
from cl_keras.zoo import entry_files
from cl_keras.zoo.addresses import without_secrets
from cl_keras.zoo.row import Row

#: Environment variables: folder for downloads; `1` to refuse all downloads.
CACHE_VARIABLE = "CL_KERAS_CACHE"
OFFLINE_VARIABLE = "CL_KERAS_OFFLINE"
# Seconds until a server has to say something; and bytes a second that it has to send.
WAIT, SLOWEST = 60.0, 5_000


class OfflineError(RuntimeError):
    """A file is not here and downloads are switched off."""


def cache_folder() -> Path:
    """Says where downloads are kept."""
    folder = os.environ.get(CACHE_VARIABLE)
    if not folder:
        import pooch

        folder = os.fspath(pooch.os_cache("cl-keras"))
    return Path(folder).expanduser()


def entry_folder(row: Row) -> Path:
    """Says where the downloads of an entry are kept."""
    return cache_folder() / row.name / entry_files.key(row)


def cached(row: Row, record: FileRecord) -> Path:
    """Returns a file from the cache, downloaded if it is not there.

    One process downloads at a time, to a place beside the entry's folder; what a
    killed one left there is deleted by the next.
    """
    folder = entry_folder(row)
    if path := _here(record, folder):
        return path
    if os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0"):
        raise OfflineError(
            f"{row.name}: {record.path} is not in the cache at {folder / record.path}, "
            f"and {OFFLINE_VARIABLE} forbids to download it from "
            f"{without_secrets(row.source)}. Unset it, or put the file there."
        )
    from filelock import FileLock

    target, part = folder / record.path, folder.with_name(".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(".lock")):
        if path := _here(record, folder):
            return path
        shutil.rmtree(part, ignore_errors=True)
        try:
            source = _download(row, record, part)
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return target


def _here(record: FileRecord, folder: Path) -> Path | None:
    try:
        return record.verify(folder)
    except UnsafeNameError:
        raise
    except ArtifactError:
        return None


class _TooLong(Exception):
    """A server sends more than it should."""


class _Bounded(io.FileIO):
    """A file that refuses to become longer than its row says."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__(path, "w")
        self._left = size

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._left -= len(data)
        if self._left < 0:
            raise _TooLong
        return super().write(data)


def _check_redirect(response: Any, **_: Any) -> None:
    """Goes on only to where a row could have led."""
    from requests.exceptions import InvalidURL

    if response.is_redirect:
        there = urljoin(response.url, response.headers["Location"])
        address, here = urlsplit(there), urlsplit(response.url)
        local = address.hostname == here.hostname and here.scheme == "http"
        if not (address.scheme == "https" or (address.scheme == "http" and local)):
            raise InvalidURL(f"it leads on to {without_secrets(there)}")


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Does some work in so much time: a server may send a byte now and then, for ever.

    What comes too late is left to a thread that ends with the process.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"the server did not send it within {seconds:.0f} seconds")
    if raised:
        raise raised[0]


def _download(row: Row, record: FileRecord, part: Path) -> Path:
    """Downloads one file into an empty folder, and checks it there."""
    import pooch
    from requests import RequestException

    parts = urlsplit(row.source)
    # Apart from the address, so that no message and no log holds them.
    login = None
    if parts.username:
        login = unquote(parts.username), unquote(parts.password or "")
    url = urlunsplit(
        parts._replace(
            netloc=parts.netloc.rpartition("@")[2],
            path=f"{parts.path.rstrip('/')}/{quote(record.path)}",
        )
    )
    shown = without_secrets(url)
    target = part / record.path
    try:
        target.parent.mkdir(parents=True)
        hooks = {"response": _check_redirect}
        get = pooch.HTTPDownloader(timeout=WAIT, auth=login, hooks=hooks)

        def download() -> None:
            # Too long a file is cut off, and fails its check below.
            with contextlib.suppress(_TooLong), _Bounded(target, record.size) as file:
                get(url, file, None)

        _within(WAIT + record.size / SLOWEST, download)
    # Lengths and addresses in the head may be none.
    except (RequestException, ValueError) as error:
        reason = str(error).replace(parts.query or url, "...")
        raise OSError(
            f"{row.name}: {record.path} could not be downloaded from {shown}: {reason}"
        ) from None
    except TimeoutError as error:
        raise OSError(
            f"{row.name}: {record.path} could not be downloaded from {shown}: {error}"
        ) from error
    except OSError as error:
        raise OSError(
            f"{row.name}: {record.path} could not be written to {target}: {error}"
        ) from error
    if not _here(record, part):
        raise ChangedFileError(
            f"{row.name}: {record.path} was refused: {shown} sent other bytes than the "
            f"{record.size} with SHA-256 {record.sha256} that were published."
        )
    return target
