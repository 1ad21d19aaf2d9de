# SPDX-License-Identifier: Apache-2.0
"""Gets published files, and lets none through that its row does not describe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cl_keras import artifact
from cl_keras.registry import unknown
from cl_keras.zoo import registry as registries
from cl_keras.zoo.cache import OfflineError, cached, entry_folder
from cl_keras.zoo.entry_files import packaged_folder
from cl_keras.zoo.loading import CHECKPOINT, load_encoder, restore
from cl_keras.zoo.row import PACKAGED, Row

if TYPE_CHECKING:
    import keras

_PARTS = {"encoder": artifact.ENCODER_FILE, "projector": artifact.PROJECTOR_FILE}


class FileCheck(NamedTuple):
    """One file of an entry: its name, whether it is the listed one, and why not."""

    path: str
    ok: bool
    detail: str


def fetch(row: Row, file: str) -> Path:
    """Returns a published file, verified by size and SHA-256.

    Files of a local source are used where they are. Others are downloaded once into
    `$CL_KERAS_CACHE` (the user's cache folder without it): processes may fetch at
    once, no more is received than the row says, and a broken download leaves nothing
    behind.

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
    return cached(row, record) if base is None else record.verify(base)


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
    if part == "encoder" and row.record(artifact.ENCODER_FILE) is None:
        encoder = restore(fetch(row, artifact.ENCODER_CONFIG_FILE), _checkpoint(row))
    else:
        encoder = load_encoder(fetch(row, _PARTS[part]))
    if part == "encoder" and row.sample_rate is not None:
        # Files of earlier releases do not have it.
        from cl_keras.preprocessing.sample_rate import with_sample_rate

        encoder = with_sample_rate(encoder, row.sample_rate)
    encoder.trainable = trainable
    return encoder


def _checkpoint(row: Row) -> Path:
    """Fetches the weights of an entry's SavedModel; returns what their names share."""
    name = f"/{CHECKPOINT}."
    files = [fetch(row, r.path) for r in row.files if name in r.path]
    if not files:
        raise ValueError(f"{row.name} has no weights: its row lists no *{name}*.")
    return files[0].with_name(Path(CHECKPOINT).name)


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
    # The row vouches for the listed files, the manifest for there being no others,
    # and TensorFlow Serving would take any folder beside for a newer version.
    artifact.verify(folder)
    listed = (record.path.split("/") for record in row.files)
    versions = {parts[1] for parts in listed if parts[0] == artifact.SAVED_MODEL_DIR}
    for path in folder.parent.iterdir():
        if path.is_dir() and path.name not in versions:
            raise artifact.ExtraFileError(f"{path} is not in the row of {name}.")
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
        listed; of a row that is not valid, a check that says why.

    Raises:
        ValueError: If the name is unknown.

    Example:
    >>> from cl_keras import zoo
    >>> all(check.ok for name in zoo.list() for check in zoo.verify(name))
    True
    """
    row_file = registries.row_file(name, registry)
    try:
        row = Row.from_json(row_file)
    except ValueError as error:
        return [FileCheck(f"{registries.ROWS}/{row_file.name}", False, str(error))]
    checks = []
    for record in row.files:
        try:
            fetch(row, record.path)
            checks.append(FileCheck(record.path, True, f"{record.size} bytes"))
        except (artifact.ArtifactError, OfflineError, OSError) as error:
            checks.append(
                FileCheck(record.path, False, f"{type(error).__name__}: {error}")
            )
    base = _local_base(row) or entry_folder(row)
    # Other things may lie in a folder of the user's.
    if base.is_dir() and (row.source == PACKAGED or base == entry_folder(row)):
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
        return packaged_folder(row.root, row)
    return row.root / row.source  # An absolute directory stays as it is.
