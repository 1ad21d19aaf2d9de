# SPDX-License-Identifier: Apache-2.0
"""Images in folders."""

from __future__ import annotations

import os
from pathlib import Path

from cl_keras.data.class_folders import FoundFiles, find_files
from cl_keras.data.file_kinds import sorted_suffixes, text_of
from cl_keras.data.images.decode_all import MAX_BYTES, decode_all, warn_of_skipped
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.name_labels import NO_MATCH, NamePattern, number_labels
from cl_keras.registry import unknown


def load_folder(
    path: Path,
    size: tuple[int, int] | None = None,
    *,
    pattern: str | None = None,
    label: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> ImageData:
    r"""Loads the JPEG, PNG, GIF (first frame), BMP and WebP files of a folder.

    Two or more sub-folders are classes, named in sorted order, and may be nested; a
    folder without, or with just one, or with more than a fifth of the images beside
    them, gives unlabelled images, unless `pattern` reads labels from file names. All
    images become RGB, 8 bits a channel, also where all are grey, so that one encoder
    fits any folder; see `preprocessing.decoding` for palettes, transparency and depth.
    Files that cannot be decoded are left out, named in `skipped`, and counted in a
    warning.
    """
    found = find_images(path, pattern=pattern, label=label)
    images, bad = decode_all(found.files, size, max_bytes=max_bytes, place=str(path))
    total = len(found.files) + len(found.skipped)
    skipped = [f"{text_of(found.files[row])} ({why})" for row, why in bad.items()]
    if not len(images):
        raise ValueError(
            f"None of the {total} images in {path} can be read. First: {skipped[0]}"
        )
    skipped = [*found.skipped, *skipped]
    warn_of_skipped(skipped, total, path)
    good = [row for row in range(len(found.files)) if row not in bad]
    return ImageData(
        f"folder:{path}",
        images,
        None if found.labels is None else found.labels[good],
        found.class_names,
        tuple(skipped),
        tuple(text_of(os.path.relpath(found.files[row], path)) for row in good),
    )


def find_images(
    path: Path, *, pattern: str | None = None, label: str | None = None
) -> FoundFiles:
    """Finds the images of a folder with their labels, without reading them."""
    if not path.is_dir():
        raise ValueError(f"Expected a folder of images. Received: {path}")
    names = _name_pattern(pattern, label)
    # With a pattern sub-folders are no classes, and no file lies beside them.
    found = find_files(path, "image", classes=names is None)
    if not found.files:
        raise ValueError(
            f"Found no image ({sorted_suffixes('image')}) in {path}."
            + (
                f" Not readable: {', '.join(found.skipped[:3])}"
                if found.skipped
                else ""
            )
        )
    if names is None:
        return found
    texts = [names.read(text_of(file)) for file in found.files]
    matched = [row for row, text in enumerate(texts) if text is not None]
    if not matched:
        raise ValueError(
            f"`pattern` matches none of the {len(texts)} file names in {path}, such as "
            f"{os.path.basename(text_of(found.files[0]))!r}. Received: "
            f"pattern={pattern!r}"
        )
    kind = label or names.kinds[0]
    labels, class_names = number_labels([t for t in texts if t is not None])
    skipped = [
        f"{text_of(file)} ({NO_MATCH})"
        for file, text in zip(found.files, texts, strict=True)
        if text is None
    ]
    return FoundFiles(
        [found.files[row] for row in matched],
        labels[kind],
        class_names[kind],
        found.skipped + skipped,
    )


def _name_pattern(pattern: str | None, label: str | None) -> NamePattern | None:
    if pattern is None:
        if label is not None:
            raise ValueError(
                "`label` names a group of `pattern`, which is not given. "
                f"Received: label={label!r}"
            )
        return None
    names = NamePattern(pattern)
    if label is not None and label not in names.kinds:
        raise unknown("kind of labels", label, names.kinds)
    if label is None and len(names.kinds) > 1:
        raise ValueError(
            "`pattern` has several kinds of labels: choose one of them with `label`: "
            f"{', '.join(names.kinds)}. Received: label=None"
        )
    return names
