# SPDX-License-Identifier: Apache-2.0
"""Encoders of the four methods at the heart, exported with all they can have."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, export, methods

RNG = np.random.default_rng(0)


def simclr():
    encoder = encoders.compact_resnet(input_shape=(32, 32, 3), width=8, blocks=1)
    views = RNG.random((2, 8, 32, 32, 3), np.float32)
    return methods.SimCLR(encoder), (views[0], views[1]), {}


def cpc():
    encoder = encoders.audio_conv(channels=8, context=12)
    model = methods.CPC(encoder, steps=2)
    windows = RNG.uniform(-1, 1, (4, 4000)).astype(np.float32)
    return model, windows, {"sample_rate": 16_000}


def dim():
    encoder = encoders.dim_conv(input_shape=(32, 32, 3))
    return methods.DeepInfoMax(encoder), RNG.random((4, 32, 32, 3), np.float32), {}


def dgi():
    encoder = encoders.gcn((7,), units=[8])
    graph = {
        "features": RNG.random((9, 7), np.float32),
        "edges": RNG.integers(0, 9, (30, 2)).astype(np.int32),
    }
    return methods.DeepGraphInfomax(encoder), graph, {}


@pytest.mark.slow
@pytest.mark.parametrize("make", [simclr, cpc, dim, dgi])
def test_a_trained_encoder_passes_the_check(make, tmp_path):
    model, batch, options = make()
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(tf.data.Dataset.from_tensors(batch), verbose=0)
    encoder = model.encoder
    if make is not dgi:
        width = encoder.outputs[0].shape[-1]
        options |= {"index": (RNG.normal(size=(50, width)), range(50)), "train": True}
    folder = export.saved_model(encoder, tmp_path, **options)
    report = export.check(folder, encoder=encoder)
    assert report.ok, str(report)
    names = {row.name for row in report.rows}
    assert "session: serving_default: equals the encoder" in names
    assert {"warm-up", "long-standing operations"} <= names
    files = {simclr: "image_bytes", dim: "image_bytes", cpc: "audio_bytes"}.get(make)
    if files is not None:
        assert f"session: {files}: corrupt rows" in names
        assert f"session: {files}: equals serving_default" in names
