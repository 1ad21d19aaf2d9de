# SPDX-License-Identifier: Apache-2.0
"""Gets published files, and lets none through that its row does not describe."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from cl_keras import artifact
from cl_keras.registry import unknown
from cl_keras.zoo import registry as registries
from cl_keras.zoo.loading import load_encoder
from cl_keras.zoo.row import PACKAGED, Row

if TYPE_CHECKING:
    import keras

#: Environment variables: folder for downloads; `1` to refuse all downloads.
CACHE_VARIABLE = "CL_KERAS_CACHE"
OFFLINE_VARIABLE = "CL_KERAS_OFFLINE"
_PARTS = {"encoder": artifact.ENCODER_FILE, "projector": artifact.PROJECTOR_FILE}


class OfflineError(RuntimeError):
    """A file is not here and downloads are switched off."""


class FileCheck(NamedTuple):
    """One file of an entry: its name, whether it is the listed one, and why not."""

    path: str
    ok: bool
    detail: str


def fetch(row: Row, file: str) -> Path:
    """Returns a published file, verified by size and SHA-256.

    Files of a local source are used where they are. Others are downloaded once into
    `$CL_KERAS_CACHE` (the user's cache folder without it), under a temporary name
    until verified, so processes may fetch at once and a broken download leaves
    nothing behind.

    Args:
        row: The entry.
        file: Name of one of its files.

    Returns:
        The file's path.

    Raises:
        ValueError: If the row does not list `file`.
        ArtifactError: If the file is missing, truncated or changed, or its name or
            a symbolic link leads out of the source; names the file.
        OfflineError: If it would have to be downloaded and `CL_KERAS_OFFLINE` is set.
        OSError: If the download fails.
    """
    record = row.record(file)
    if record is None:
        raise unknown(f"file of {row.name}", file, (r.path for r in row.files))
    base = _local_base(row)
    if base is not None:
        return record.verify(base)
    base = _cache_base(row)
    try:
        return record.verify(base)
    except artifact.UnsafeNameError:
        raise
    except artifact.ArtifactError:
        return _download(row, record, base)


def load(
    name: str,
    *,
    trainable: bool = True,
    part: Literal["encoder", "projector"] = "encoder",
    registry: str | os.PathLike[str] | None = None,
) -> keras.Model:
    """Loads a pretrained encoder.

    Args:
        name: A name that `zoo.list` returns.
        trainable: Whether its weights may be trained further; False freezes them.
        part: `"projector"` gives the projection head it was trained with instead,
            `(batch, features)` -> `(batch, D)`, for later stages of training.
        registry: See `zoo.list`.

    Returns:
        The encoder, not compiled. Its layers have names, for intermediate features:
        `keras.Model(encoder.input, encoder.get_layer(name).output)`. It maps
        `(batch, *input_shape)`, for images float32 in `[0, 1]`, to `(batch,
        features)`.

    Raises:
        ValueError: If the name or the part is unknown, a file is not the published one
            (see `fetch`), or the file holds code, such as a Lambda layer.
        OfflineError: See `fetch`.

    Example:
    >>> from cl_keras import zoo
    >>> encoders = {name: zoo.load(name) for name in zoo.list("no_such_method*")}
    """
    if part not in _PARTS:
        raise unknown("part", part, _PARTS)
    row = registries.info(name, registry=registry)
    encoder = load_encoder(fetch(row, _PARTS[part]))
    if part == "encoder" and row.sample_rate is not None:
        # Files of earlier releases do not have it.
        from cl_keras.sample_rate import with_sample_rate

        encoder = with_sample_rate(encoder, row.sample_rate)
    encoder.trainable = trainable
    return encoder


def saved_model(name: str, *, registry: str | os.PathLike[str] | None = None) -> Path:
    """Returns the SavedModel of a published encoder, verified.

    Args:
        name: A name that `zoo.list` returns.
        registry: See `zoo.list`.

    Returns:
        The version folder, such as `.../saved_model/1`: for `tf.saved_model.load`
        and `export.check`. TensorFlow Serving is given its parent.

    Raises:
        ValueError: If the name is unknown, the entry has no SavedModel or a file is
            not the published one (see `fetch`).
        OfflineError: See `fetch`.

    Example:
    >>> from cl_keras import zoo
    >>> folders = {name: zoo.saved_model(name) for name in zoo.list("no_such_method*")}
    """
    row = registries.info(name, registry=registry)
    prefix = f"{artifact.SAVED_MODEL_DIR}/"
    suffix = f"/{artifact.MANIFEST_FILE}"
    folder = None
    for record in row.files:
        if record.path.startswith(prefix):
            path = fetch(row, record.path)
            if record.path.endswith(suffix) and record.path.count("/") == 2:
                folder = path.parent
    if folder is None:
        raise ValueError(f"{name} has no SavedModel with a {artifact.MANIFEST_FILE}.")
    # The row vouches for the listed files, the manifest for there being no others.
    artifact.verify(folder)
    return folder


def verify(
    name: str, *, registry: str | os.PathLike[str] | None = None
) -> list[FileCheck]:
    """Checks every file of an entry, fetching what is not here yet.

    Args:
        name: A name that `zoo.list` returns.
        registry: See `zoo.list`.

    Returns:
        One check a listed file, and one for each file beside them that is not
        listed.

    Raises:
        ValueError: If the name is unknown or its row is not valid.

    Example:
    >>> from cl_keras import zoo
    >>> all(check.ok for name in zoo.list() for check in zoo.verify(name))
    True
    """
    row = registries.info(name, registry=registry)
    checks = []
    for record in row.files:
        try:
            fetch(row, record.path)
            checks.append(FileCheck(record.path, True, f"{record.size} bytes"))
        except (artifact.ArtifactError, OfflineError, OSError) as error:
            checks.append(
                FileCheck(record.path, False, f"{type(error).__name__}: {error}")
            )
    base = _local_base(row)
    if base is not None and row.source == PACKAGED and base.is_dir():
        listed = {record.path for record in row.files}
        present = {
            path.relative_to(base).as_posix()
            for path in base.rglob("*")
            if path.is_symlink() or not path.is_dir()
        }
        for extra in sorted(present - listed):
            checks.append(FileCheck(extra, False, f"{row.name} does not list it"))
    return checks


def _local_base(row: Row) -> Path | None:
    if "://" in row.source:
        address = urlsplit(row.source)
        if address.scheme == "file":
            return Path(url2pathname(address.path))
        return None
    if row.root is None:
        raise ValueError(
            f"Expected a row read from a registry, to find its files under "
            f"{row.source!r}. Received: a row {row.name!r} without `root`"
        )
    if row.source == PACKAGED:
        return row.root / registries.FILES / row.name
    return row.root / row.source  # An absolute directory stays as it is.


def cache_folder() -> str:
    """Says where downloads are kept.

    Returns:
        `$CL_KERAS_CACHE`, or the user's cache folder without it.

    Example:
    >>> cache_folder() != ""
    True
    """
    folder = os.environ.get(CACHE_VARIABLE)
    if not folder:
        import pooch

        folder = str(pooch.os_cache("cl-keras"))
    return folder


def _cache_base(row: Row) -> Path:
    # A folder for each content: versions and registries do not mix.
    content = "\n".join(f"{r.sha256} {r.path}" for r in row.files)
    key = hashlib.sha256(content.encode()).hexdigest()[:16]
    return Path(cache_folder(), row.name, key)


def _download(row: Row, record: artifact.FileRecord, base: Path) -> Path:
    url = f"{row.source.rstrip('/')}/{quote(record.path)}"
    path = artifact.inside(base, record.path)
    if os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0"):
        raise OfflineError(
            f"{row.name}: {record.path} is not in the cache at {path}, and "
            f"{OFFLINE_VARIABLE} forbids to download {url}. Unset it, or put the file "
            "there."
        )
    import pooch
    from requests import RequestException

    # pooch writes to a temporary file beside the target, hashes it and renames it.
    # It would stumble over another process creating the folder at the same time.
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{record.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=60),
        )
    except RequestException as error:
        raise OSError(
            f"{row.name}: {record.path} could not be downloaded from {url}: {error}"
        ) from error
    except ValueError as error:
        raise artifact.ChangedFileError(
            f"{row.name}: {record.path} was refused: {url} sent other bytes than the "
            f"{record.size} with SHA-256 {record.sha256} that were published."
        ) from error
    return record.verify(base)
