# SPDX-License-Identifier: Apache-2.0
"""Freezing the first layers, and learning rates by depth."""

import keras
import numpy as np
import pytest
from keras import layers

from cl_keras import encoders, methods, optimizers


def resnet():
    keras.utils.set_random_seed(0)
    return encoders.compact_resnet((8, 8, 3), width=4, blocks=1, stages=3)


def plain():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *(layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()),
            *(layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()),
            *(layers.GlobalAveragePooling2D(), layers.Dense(2)),
        ]
    )


def test_blocks_end_with_sums_or_are_layers_with_weights():
    depths = encoders.block_depths(resnet())
    assert [d for x, d in depths.items() if isinstance(x, layers.Add)] == [0, 1, 2]
    model = plain()
    depths = encoders.block_depths(model)
    assert [depths[layer] for layer in model.layers] == [0, 0, 1, 1, 2, 2]


def train(model, optimizer, steps=1):
    views = np.random.default_rng(0).random((2, 8, 8, 8, 3)).astype("float32")
    method = methods.SimCLR(model)
    method.compile(optimizer)
    before = [np.array(v) for v in model.weights]
    for _ in range(steps):
        method.train_on_batch(tuple(views))
    return [np.abs(v - old).max() for v, old in zip(model.weights, before, strict=True)]


@pytest.mark.parametrize("until", [2, "add_1"], ids=["blocks", "name"])
def test_frozen_layers_keep_weights_and_statistics(until):
    keras.backend.clear_session()
    model = resnet()
    encoders.freeze(model, until)
    depths = encoders.block_depths(model)
    first = [w.path for x in model.layers if depths[x] < 2 for w in x.weights]
    # A new block's last normalisation is 0: the first step does not reach behind it.
    changes = train(model, "sgd", steps=3)
    moved = dict(zip([w.path for w in model.weights], changes, strict=True))
    assert first and not any(moved[path] for path in first)
    others = [path for path in moved if path not in first and "kernel" in path]
    assert others and all(moved[path] for path in others)


def test_freezing_all_or_too_much_is_an_error():
    with pytest.raises(ValueError, match="at most 3 blocks.*Received: 4"):
        encoders.freeze(resnet(), 4)
    with pytest.raises(ValueError, match="Nothing of compact_resnet would be left"):
        encoders.freeze(resnet(), "features")
    with pytest.raises(ValueError, match="Unknown layer 'ad'"):
        encoders.freeze(resnet(), "ad")


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("reload", [False, True], ids=["made", "loaded"])
def test_rates_shrink_from_the_last_block_to_the_first(name, reload, tmp_path):
    model = resnet()
    if name == "adamw":  # The first step of Adam is the rate itself.
        optimizer = optimizers.AdamW(1e-2, weight_decay=0.0, epsilon=1e-12)
    else:
        optimizer = optimizers.LARS(
            1e-2, weight_decay=0.0, exclude_from_adaptation=(".*",), momentum=0.0
        )
    method = methods.SimCLR(model)
    method.compile(optimizer)
    if reload:
        # What a resumed run does: the optimizer is built before the marks are set.
        optimizer.build(method.trainable_variables)
    views = np.random.default_rng(0).random((2, 8, 8, 8, 3)).astype("float32")
    start = [np.array(v) for v in method.trainable_variables]
    method.train_on_batch(tuple(views))
    whole = [v - s for v, s in zip(method.trainable_variables, start, strict=True)]
    for variable, value in zip(method.trainable_variables, start, strict=True):
        variable.assign(value)

    again = methods.SimCLR(model, method.projector)
    again.compile(type(optimizer).from_config(optimizer.get_config()))
    if reload:
        again.optimizer.build(again.trainable_variables)
    depths = encoders.block_depths(model)
    optimizers.decay_rates(depths, 0.5)
    again.train_on_batch(tuple(views))
    of_layer = {id(w): depths[x] for x in model.layers for w in x.trainable_weights}
    for variable, value, step in zip(
        again.trainable_variables, start, whole, strict=True
    ):
        factor = 0.5 ** (3 - of_layer.get(id(variable), 3))
        np.testing.assert_allclose(variable - value, factor * step, atol=1e-6)
