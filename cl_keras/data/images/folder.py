# SPDX-License-Identifier: Apache-2.0
"""Images in folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cl_keras.data.file_kinds import text_of
from cl_keras.data.images.decode_all import decode_images
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.listing import FoundFiles, find_examples


def load_folder(
    path: Path,
    size: tuple[int, int] | None = None,
    *,
    found: FoundFiles | None = None,
    **options: Any,
) -> ImageData:
    """Loads the JPEG, PNG, GIF (first frame), BMP and WebP files of a folder.

    With the extra `photos` also TIFF, HEIC and AVIF.

    Labels are those of `find_examples`. All images become RGB, 8 bits a channel, also
    where all are grey, so that one encoder fits any folder.
    """
    found = found or find_examples(path, "image")
    return decode_images(
        f"folder:{path}",
        found.files,
        size,
        ids=[text_of(os.path.relpath(file, path)) for file in found.files],
        labels=found.labels,
        class_names=found.class_names,
        skipped=found.skipped,
        messages=[text_of(file) for file in found.files],
        **options,
    )
