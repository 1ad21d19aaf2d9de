# SPDX-License-Identifier: Apache-2.0
"""The signature that takes encoded images."""

from __future__ import annotations

from functools import partial

from cl_keras import artifact
from cl_keras.export import images
from cl_keras.export.signatures.features import Encode
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.reader import Reader
from cl_keras.specification import Specification


def reader(encode: Encode, spec: Specification, options: Options) -> Reader | None:
    """Builds the reader of encoded images."""
    if (
        not options.bytes_input
        or spec.modality != "image"
        or spec.shape[-1] not in (1, 3)
    ):
        return None
    height, width, channels = (int(n or 0) for n in spec.shape)
    return Reader(
        artifact.BYTES_INPUT,
        partial(
            images.decode_image,
            height=height,
            width=width,
            channels=channels,
            max_pixels=options.max_pixels,
        ),
        encode,
        spec.shape,
        spec.features,
        options.on_error,
        facts={
            "preprocessing": images.PREPROCESSING,
            "on_error": options.on_error,
            "max_pixels": options.max_pixels,
        },
    )
