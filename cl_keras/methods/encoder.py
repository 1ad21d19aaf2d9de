# SPDX-License-Identifier: Apache-2.0
"""Which encoders methods take."""

from __future__ import annotations

import keras

from cl_keras import specification
from cl_keras.preprocessing.pixel_scale import check_pixel_scale


def checked_encoder(encoder: keras.Model) -> keras.Model:
    """The encoder, with a tensor for its output where it has a dict or list of one."""
    if not isinstance(encoder, keras.Model):
        raise TypeError(
            "`encoder` must be a keras.Model from inputs to features. "
            f"Received: {encoder!r} of type {type(encoder).__name__}"
        )
    if not encoder.built:
        raise ValueError(
            f"`encoder` must be built, so that its feature width is known: call "
            f"{encoder.name}.build(input_shape) or call it on a batch first."
        )
    shape = specification.output_shape(encoder)
    single = specification.only_output(shape)
    if shape is not single and isinstance(single, tuple):
        if specification.is_subclassed(encoder):
            raise ValueError(
                f"`encoder` must give its features as a tensor. Received: {shape}"
            )
        output = specification.only_output(encoder.output)
        encoder = keras.Model(encoder.input, output, name=encoder.name)
        shape = single
    if shape is None:
        raise ValueError("`encoder` must have one output. Received: several or none.")
    if isinstance(shape, list | dict) or len(shape) != 2 or shape[-1] is None:
        raise ValueError(
            "`encoder` must give one vector per example, shape (batch, features): "
            "leave out the classifier and end in global pooling. "
            f"Received: output shape {shape}"
        )
    check_pixel_scale(encoder)
    return encoder
