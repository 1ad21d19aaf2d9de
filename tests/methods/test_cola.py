# SPDX-License-Identifier: Apache-2.0
"""COLA against a formula in NumPy."""

import keras
import numpy as np
import pytest
from vectors import dense

from cl_keras import heads, methods


def test_the_loss_is_the_papers_in_both_directions():
    first, second = np.random.default_rng(0).normal(size=(2, 6, 5)).astype("f")
    model = methods.COLA(dense(5, 4), dense(4, 3))
    outputs = model.forward((first, second), training=False)
    (loss,) = model.objective(outputs).values()
    x, y = (outputs[f"embedding{n}"].numpy() for n in (1, 2))
    kernel = model.similarity.kernel.numpy()
    wanted = np.zeros(6)
    for anchors, others in ((x, y), (y, x)):
        scores = anchors @ kernel @ others.T / np.sqrt(3)
        scores -= np.log(np.exp(scores).sum(1, keepdims=True))
        wanted -= np.diag(scores) / 2
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    assert model.negatives_per_query(6) == 5


def test_the_similarity_is_trained_and_saved(tmp_path):
    keras.utils.set_random_seed(0)
    crops = tuple(np.random.default_rng(0).random((2, 8, 5), np.float32))
    model = methods.COLA(dense(5, 4), heads.tanh_head(4, width=3))
    before = model.similarity.kernel.numpy()
    model.compile(keras.optimizers.SGD(0.1))
    model.train_on_batch(crops)
    assert np.abs(model.similarity.kernel.numpy() - before).max() > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_single_crop_is_named():
    with pytest.raises(ValueError, match="two views"):
        methods.COLA(dense(5, 4)).unpack(np.zeros((8, 5), np.float32))
