# SPDX-License-Identifier: Apache-2.0
"""The signatures of exported encoders, one file each."""

from __future__ import annotations

import keras

from cl_keras.export.signatures import floats, graph_tensor, image_bytes
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.signature import Signature
from cl_keras.specification import Specification

__all__ = ["Options", "Signature", "build"]

_BUILDERS = (floats.build, image_bytes.build, graph_tensor.build)


def build(
    encoder: keras.Model, spec: Specification, options: Options
) -> list[Signature]:
    """Builds the signatures that an encoder can have and that are wanted.

    Args:
        encoder: The encoder.
        spec: Its specification.
        options: What is wanted.

    Returns:
        The signatures, the default one first.
    """
    made = [builder(encoder, spec, options) for builder in _BUILDERS]
    return [signature for signature in made if signature is not None]
