# SPDX-License-Identifier: Apache-2.0
"""The signatures of exported encoders, one file each."""

from __future__ import annotations

import keras

from cl_keras.export.signatures import (
    audio_bytes,
    examples,
    features,
    graph_tensor,
    image_bytes,
    neighbors,
)
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.signature import Signature
from cl_keras.specification import Specification

__all__ = ["Options", "Signature", "build"]

_READERS = (image_bytes.reader, audio_bytes.reader)


def build(
    encoder: keras.Model, spec: Specification, options: Options
) -> list[Signature]:
    """Builds the signatures that an encoder can have and that are wanted."""
    encode = features.encoding(encoder, spec)
    signatures = [features.build(encode, spec)]
    readers = [make(encode, spec, options) for make in _READERS]
    files = next((reader for reader in readers if reader is not None), None)
    output = features.described(spec.features)
    if files is not None:
        signatures.append(files.signature(files.name, output, features.named))
    signatures += examples.build(encode, spec, options, files)
    signatures += graph_tensor.build(encode, spec, options)
    signatures += neighbors.build(encode, spec, options, files)
    return signatures
