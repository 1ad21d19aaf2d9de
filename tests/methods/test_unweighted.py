# SPDX-License-Identifier: Apache-2.0
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import methods


def plain():
    inputs = keras.Input((4,))
    encoder = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    model = methods.SimCLR(encoder)
    model.compile("sgd")
    return model


VIEWS = tuple(np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32"))
LABELS = np.arange(8) % 2
ONES = np.ones(8, "float32")


@pytest.mark.parametrize("name", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_weights_of_examples_are_refused(name):
    with pytest.raises(ValueError, match="no weights.*`sample_weight`"):
        getattr(plain(), name)(VIEWS, LABELS, sample_weight=ONES)


def test_weights_of_classes_are_refused():
    model = plain()
    for name in ("fit", "train_on_batch"):
        with pytest.raises(ValueError, match="no weights.*`class_weight`"):
            getattr(model, name)(VIEWS, LABELS, class_weight={0: 1.0, 1: 0.0})


def test_batches_of_three_parts_are_refused():
    model = plain()
    weighted = tf.data.Dataset.from_tensors((VIEWS, LABELS, ONES))
    for run in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="three parts"):
            run(weighted, verbose=0)
    with pytest.raises(ValueError, match="three parts"):
        model.fit(VIEWS, validation_data=(VIEWS, LABELS, ONES), verbose=0)


@pytest.mark.slow
def test_a_dataset_is_trained_on_without_a_warning():
    model = plain()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = tf.data.Dataset.from_tensors(VIEWS)
        model.fit(data, validation_data=data, verbose=0)
        model.fit(VIEWS, LABELS, batch_size=4, verbose=0)
        positional = model.fit(VIEWS, LABELS, 4, 2, 0)
    assert len(positional.history["loss"]) == 2
