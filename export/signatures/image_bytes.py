# SPDX-License-Identifier: Apache-2.0
"""The signature that takes encoded images."""

from __future__ import annotations

import keras

from cl_keras import artifact
from cl_keras.export import images
from cl_keras.export.signatures.floats import embed
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.signature import (
    STRINGS,
    Signature,
    Tensors,
    embedding,
)
from cl_keras.specification import Specification


def build(
    encoder: keras.Model, spec: Specification, options: Options
) -> Signature | None:
    """Builds the signature.

    Args:
        encoder: The encoder.
        spec: Its specification.
        options: Whether it is wanted.

    Returns:
        The signature; None for an encoder of something else, or of other than 1 or 3
        channels.
    """
    if (
        not options.bytes_input
        or spec.modality != "image"
        or spec.shape[-1] not in (1, 3)
    ):
        return None
    height, width, channels = (int(n or 0) for n in spec.shape)

    def function(inputs: Tensors) -> Tensors:
        contents = inputs[artifact.BYTES_INPUT]
        values = images.decode_images(contents, height, width, channels)
        return {artifact.OUTPUT: embed(encoder, values)}

    return Signature(
        artifact.BYTES_SIGNATURE,
        {artifact.BYTES_INPUT: STRINGS},
        embedding(spec.features),
        function,
        {"preprocessing": images.PREPROCESSING},
    )
