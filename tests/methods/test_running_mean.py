# SPDX-License-Identifier: Apache-2.0
"""Epoch means count examples; batches of one have no negatives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, methods
from cl_keras.methods.running_mean import RunningMean


class Values(methods.ViewsModel):
    """Its loss is the first value of each embedding; it has no negatives."""

    def __init__(self):
        inputs = keras.Input((2,))
        plain = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
        super().__init__(plain, projector=keras.models.clone_model(plain))

    def objective(self, outputs):
        return {"loss": outputs["embedding1"][:, 0]}


@pytest.mark.parametrize("name", ["fit", "evaluate"])
def test_an_epoch_is_the_mean_over_its_examples(name):
    rows = np.random.default_rng(0).normal(size=(9, 2)).astype("float32")
    rows[-1] = 7.0
    model = Values()
    model.compile(keras.optimizers.SGD(0.0))
    data = tf.data.Dataset.from_tensor_slices((rows, rows)).batch(4)  # 4, 4 and 1.
    if name == "fit":
        found = {k: v[0] for k, v in model.fit(data, verbose=0).history.items()}
    else:
        found = model.evaluate(data, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(rows[:, 0].mean(), rel=1e-5)
    # The last batch has no pairs: it takes no part in the mean.
    assert np.isfinite(found["uniformity"]) and found["uniformity"] < 0


def test_broken_values_are_shown():
    mean = RunningMean(name="x")
    assert np.isnan(mean.result())
    mean.count_batch(tf.constant(float("nan")), tf.constant(1.0))
    assert np.isnan(mean.result())
    mean.reset_state()
    mean.count_batch(tf.constant(float("nan")), tf.constant(4.0), pairs=True)
    assert np.isnan(mean.result())


def simclr():
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    return methods.SimCLR(encoder), (np.ones((1, 3), "f4"),) * 2


def cpc():
    net = encoders.audio_conv(channels=8, context=6, kernels=(8, 4), strides=(4, 2))
    return methods.CPC(net, steps=2, negatives=6), np.ones((1, 160), "f4")


def dim(**options):
    net = encoders.dim_conv((16, 16, 1), widths=(4, 6), hidden=16, code=8)
    model = methods.DeepInfoMax(net, local_layer="conv2", width=8, **options)
    return model, np.ones((1, 16, 16, 1), "f4")


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [simclr, cpc, dim, lambda: dim(critic="concat")], ids=lambda x: x.__name__
)
def test_a_batch_of_one_of_open_size_is_named(make):
    model, rows = make()
    model.compile("sgd")
    one = tf.data.Dataset.from_tensor_slices(rows).batch(4)  # Its size is not known.
    for run in (model.fit, model.evaluate):
        with pytest.raises(tf.errors.InvalidArgumentError, match="at least two"):
            run(one, verbose=0)
