# SPDX-License-Identifier: Apache-2.0
"""Convolutions that images decide: set once, by the first training."""

import keras
import numpy as np

from cl_keras import runs


def trained(folder, out, encoder, **settings):
    config = runs.TrainConfig.for_method(
        "simclr",
        data=f"npz:{folder / 'images.npz'}",
        out=str(folder / out),
        encoder=encoder,
        epochs=1,
        batch_size=8,
        settings=settings,
    )
    runs.train(config, evaluate=False, finish=False)
    encoder = keras.saving.load_model(folder / out / "encoder.keras")
    return encoder.get_layer("whitening").get_weights()[0]


def test_a_training_that_goes_on_keeps_what_the_first_one_set(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    options = {"encoder.widths": [4], "encoder.features": 4}
    first = trained(tmp_path, "first", "compact_conv", **options)
    np.testing.assert_array_equal(first[..., :12], -first[..., 12:])
    np.savez(tmp_path / "images.npz", images=images // 4)
    second = trained(tmp_path, "second", f"run:{tmp_path / 'first'}")
    np.testing.assert_array_equal(second, first)
