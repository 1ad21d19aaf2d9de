# SPDX-License-Identifier: Apache-2.0
"""Images of TensorFlow Datasets: prepared on disk, or downloaded by name."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from cl_keras import extras
from cl_keras.data.images.decode_all import decode_images
from cl_keras.data.images.image_data import ImageData
from cl_keras.untuned import untuned

_INFO = "dataset_info.json"
_TEST_SPLITS = ("test", "validation", "val")
_NAME = re.compile(r"(?P<name>[^:]+)(:(?P<version>\d+\.\d+\.\d+))?(:(?P<split>.+))?")


class Name(NamedTuple):
    """What follows `tfds:`."""

    path: str  # Name, configuration and version as folders, such as `mnist/3.0.1`.
    split: str | None


def parse_name(text: str) -> Name:
    """Splits `NAME[/CONFIG][:VERSION][:SPLIT]`."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise ValueError(
            "Expected tfds:NAME or tfds:NAME:SPLIT, such as tfds:mnist:train[:10%]. "
            f"Received: tfds:{text}"
        )
    version = match["version"]
    return Name(match["name"] + (f"/{version}" if version else ""), match["split"])


def find_prepared(path: str) -> Path | None:
    """Finds a set that TensorFlow Datasets has prepared.

    Looked for as a path, then under `$CL_KERAS_DATA`, `$CL_KERAS_DATA/tfds`, and where
    TensorFlow Datasets keeps its own (`$TFDS_DATA_DIR`, else `~/tensorflow_datasets`).
    """
    bases = [Path()]
    if root := os.environ.get("CL_KERAS_DATA"):
        bases += [Path(root), Path(root, "tfds")]
    bases.append(Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"))
    for base in bases:
        folder = (base / Path(path).expanduser()).expanduser()
        found = [p.parent for p in folder.glob(_INFO)]
        found = found or [p.parent for p in folder.glob(f"*/{_INFO}")]
        found = found or [p.parent for p in folder.glob(f"*/*/{_INFO}")]
        if len({p.parent for p in found}) > 1:
            names = ", ".join(sorted({p.parent.name for p in found}))
            raise ValueError(
                f"{folder} has several configurations: {names}. Name one of them, as "
                f"in tfds:{path}/{found[0].parent.name}"
            )
        if found:
            return max(found, key=_version)
    return None


def load_tfds(
    path: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
    *,
    part: str = "train",
) -> ImageData | None:
    """Loads the images of a set of TensorFlow Datasets.

    A set that is prepared on disk (see `find_prepared`) is read without its code; any
    other is downloaded and prepared, under `$CL_KERAS_DATA/tfds` where that variable is
    set, unless `CL_KERAS_OFFLINE` is. Its first image feature and its `label` (or
    first class label) are used. Grey images stay so, others become RGB.
    """
    tfds = extras.require("tensorflow_datasets", extra="data")
    text = os.fspath(path)
    name = parse_name(text)
    builder = _builder(tfds, name.path)
    image_key, label_key = _keys(tfds, builder, text)
    split = _split(builder, name, part)
    if split is None:
        return None
    wanted = {key: True for key in (image_key, label_key) if key}
    skip = {image_key: tfds.decode.SkipDecoding()}
    try:
        dataset = builder.as_dataset(
            split=split,
            decoders=tfds.decode.PartialDecoding(wanted, decoders=skip),
            shuffle_files=False,
        )
    except ValueError as error:
        raise ValueError(
            f"{builder.info.full_name} has no split {split!r}: {error}. Splits: "
            f"{', '.join(builder.info.splits)}"
        ) from error
    contents, values = [], []
    for example in untuned(dataset).as_numpy_iterator():
        contents.append(example[image_key])
        if label_key:
            values.append(int(example[label_key]))
    if not contents:
        raise ValueError(f"tfds:{text} holds no image in split {split!r}.")
    labels = names = None
    if label_key and min(values) >= 0:  # -1 stands for "unknown" in test splits.
        labels = np.array(values, np.int64)
        names = getattr(builder.info.features[label_key], "names", None)
    return decode_images(
        f"tfds:{text}",
        contents,
        size,
        ids=[f"{split}:{row}" for row in range(len(contents))],
        labels=labels,
        class_names=tuple(names) if names else None,
        channels=1 if builder.info.features[image_key].shape[-1] == 1 else 3,
    )


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", folder.name))


def _builder(tfds: ModuleType, path: str) -> Any:
    prepared = find_prepared(path)
    if prepared is not None:
        return tfds.builder_from_directory(str(prepared))
    if os.environ.get("CL_KERAS_OFFLINE"):
        raise ValueError(
            f"tfds:{path} is not on this machine, and CL_KERAS_OFFLINE forbids to "
            "download it. Looked under CL_KERAS_DATA, its tfds/, and TFDS_DATA_DIR."
        )
    known = tfds.list_builders(with_community_datasets=False)
    name = path.partition("/")[0]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(
            f"No set {name!r} is prepared on this machine (under CL_KERAS_DATA, its "
            f"tfds/, or TFDS_DATA_DIR), and TensorFlow Datasets knows none.{hint}"
        )
    # TensorFlow Datasets 4.9.10 imports it to prepare a set, without asking for it.
    extras.require("importlib_resources", extra="data")
    root = os.environ.get("CL_KERAS_DATA")
    builder = tfds.builder(path, data_dir=str(Path(root, "tfds")) if root else None)
    builder.download_and_prepare()
    return builder


def _keys(tfds: ModuleType, builder: Any, text: str) -> tuple[str, str | None]:
    features = builder.info.features
    kinds = tfds.features
    images = [key for key, value in features.items() if isinstance(value, kinds.Image)]
    if not images:
        raise ValueError(
            f"tfds:{text} has no images, and only sets of images are read. "
            f"Its features: {', '.join(sorted(features))}. For recordings, write them "
            "to a folder and name that: folder:PATH."
        )
    image = "image" if "image" in images else images[0]
    labels = [k for k, value in features.items() if isinstance(value, kinds.ClassLabel)]
    label = "label" if "label" in labels else next(iter(labels), None)
    return image, label


def _split(builder: Any, name: Name, part: str) -> str | None:
    if name.split is not None:
        return name.split if part == "train" else None
    splits = list(builder.info.splits)
    if part == "test":
        return next((split for split in _TEST_SPLITS if split in splits), None)
    if "train" in splits or len(splits) == 1:
        return "train" if "train" in splits else splits[0]
    raise ValueError(
        f"{builder.info.full_name} has no split 'train'. Name another, as in "
        f"tfds:{name.path}:{splits[0] if splits else 'SPLIT'}. "
        f"Splits: {', '.join(splits) or 'none'}"
    )
