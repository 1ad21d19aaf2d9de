# SPDX-License-Identifier: Apache-2.0
"""Data named by one string."""

from __future__ import annotations

import os
from pathlib import Path

from cl_keras import registry
from cl_keras.data.digits import load_digits
from cl_keras.data.folder import load_folder, split_folders
from cl_keras.data.image_data import ImageData
from cl_keras.data.npz import load_npz

_KINDS = ("digits", "folder", "npz")
_LATER = ("graph", "planetoid", "tfds", "tfrecord", "tu")


def load(spec: str, *, image_size: int | None = None) -> ImageData:
    """Loads the images that a data string names.

    Args:
        spec: `digits` (scikit-learn's digit scans), `folder:PATH` (images; class
            folders give labels) or `npz:PATH` (keys `images` and, optionally,
            `labels`). A relative path that does not exist is also looked for under
            the folder that the environment variable `CL_KERAS_DATA` names.
        image_size: Side of the square images wanted. If None: 16 for the digits, as
            stored in a `.npz`, and for a folder the common size of its images, or
            224 where they differ.

    Returns:
        The images; for a `.npz` with a test part, the training part.

    Raises:
        ValueError: If the string or the data is not understood.

    Example:
    >>> data = load("digits")
    >>> len(data), data.shape
    (1797, (16, 16, 1))
    """
    kind, path = _parse(spec)
    if kind == "folder" and (parts := split_folders(path)):
        raise ValueError(
            f"{path} is split into {parts[0].name}/ and {parts[1].name}/, which are "
            f"not classes. Use data.load_splits({spec!r}), or name one part, such as "
            f"folder:{parts[0]}"
        )
    return _load(kind, path, _square(image_size))


def load_splits(
    spec: str,
    test_spec: str | None = None,
    *,
    image_size: int | None = None,
    seed: int = 0,
) -> tuple[ImageData, ImageData]:
    """Loads a training part and a test part that shares no image with it.

    The test part is, in this order: what `test_spec` names; the `test/`, `val/` or
    `validation/` folder beside a `train/` folder; the test keys of a `.npz`; 20 % of
    the images, held out class by class.

    Args:
        spec: The training data, as in `load`.
        test_spec: The test data, as in `load`, or None.
        image_size: Side of the square images wanted, as in `load`.
        seed: Seed of the hold-out.

    Returns:
        Training part and test part, with images of the same shape and the same
        classes.

    Raises:
        ValueError: If the data is not understood or the parts do not match.

    Example:
    >>> train, test = load_splits("digits")
    >>> len(train), len(test)
    (1438, 359)
    """
    kind, path = _parse(spec)
    size = _square(image_size)
    parts = split_folders(path) if kind == "folder" else None
    train = _load(kind, parts[0] if parts else path, size)
    # The test images follow the training images, where their own size differs.
    size = train.shape[:2]
    test: ImageData | None
    if test_spec is not None:
        test_kind, test_path = _parse(test_spec)
        if test_kind == "folder" and (test_parts := split_folders(test_path)):
            test_path = test_parts[1]
        test = load_npz(test_path, size, part="test") if test_kind == "npz" else None
        if test is None:
            same = (test_kind, test_path.resolve()) == (kind, path.resolve())
            if same and not parts:
                raise ValueError(
                    "Expected test data other than the training data. Leave "
                    "`test_spec` out to hold 20 % out. Received: "
                    f"{test_spec!r} for both"
                )
            test = _load(test_kind, test_path, size)
    elif parts:
        test = load_folder(parts[1], size)
    elif kind == "npz":
        test = load_npz(path, size, part="test")
    else:
        test = None
    if test is None:
        return train.split(0.2, seed)
    _check_match(train, test)
    return train, test


def _parse(spec: str) -> tuple[str, Path]:
    kind, colon, rest = spec.partition(":")
    if kind in _LATER:
        raise ValueError(
            f"Data of kind {kind!r} is not available yet in this version. "
            f"Available: digits, folder:PATH, npz:PATH. Received: {spec!r}"
        )
    if kind not in _KINDS:
        if Path(spec).expanduser().exists():
            found = "folder" if Path(spec).expanduser().is_dir() else "npz"
            raise ValueError(
                f"Expected a kind of data before the path, such as {found}:{spec}. "
                f"Received: {spec!r}"
            )
        raise registry.unknown("kind of data", kind, [*_KINDS, *_LATER])
    if kind == "digits":
        if colon:
            raise ValueError(f"Expected just 'digits'. Received: {spec!r}")
        return kind, Path()
    if not rest:
        raise ValueError(f"Expected a path, as in {kind}:PATH. Received: {spec!r}")
    return kind, _find_path(kind, rest)


def _find_path(kind: str, name: str) -> Path:
    path = Path(name).expanduser()
    places = [path]
    root = os.environ.get("CL_KERAS_DATA")
    if root and not path.is_absolute():
        places.append(Path(root).expanduser() / path)
    for place in places:
        if place.is_dir() if kind == "folder" else place.is_file():
            return place
    wanted = "folder" if kind == "folder" else "file"
    raise ValueError(
        f"Found no {wanted} for {kind}:{name}. Looked at: "
        + ", ".join(str(place.absolute()) for place in places)
    )


def _square(image_size: int | None) -> tuple[int, int] | None:
    if image_size is None:
        return None
    if image_size < 1:
        raise ValueError(
            f"Expected `image_size` to be positive. Received: image_size={image_size}"
        )
    return image_size, image_size


def _load(kind: str, path: Path, size: tuple[int, int] | None) -> ImageData:
    if kind == "digits":
        return load_digits(size)
    if kind == "folder":
        return load_folder(path, size)
    data = load_npz(path, size)
    if data is None:
        raise ValueError(f"Found no images in {path}.")
    return data


def _check_match(train: ImageData, test: ImageData) -> None:
    if train.shape != test.shape:
        raise ValueError(
            "Expected training and test images of the same shape. Received: "
            f"{train.shape} in {train.name}, {test.shape} in {test.name}"
        )
    if train.class_names != test.class_names:
        only_train = sorted(set(train.class_names or ()) - set(test.class_names or ()))
        only_test = sorted(set(test.class_names or ()) - set(train.class_names or ()))
        raise ValueError(
            "Expected training and test data with the same classes. "
            f"Only in {train.name}: {only_train}. Only in {test.name}: {only_test}."
        )
    if (train.labels is None) != (test.labels is None):
        raise ValueError(
            "Expected labels in both or in none of training and test data. Received: "
            f"labels only in {(test if train.labels is None else train).name}"
        )
