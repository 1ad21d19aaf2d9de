# SPDX-License-Identifier: Apache-2.0
import time
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from cl_keras import data, encoders, methods
from cl_keras.runs.health import CollapseAlarm, DataWait, describe_negatives
from cl_keras.runs.nan_guard import NanGuard

# Keras warns of its own default.
pytestmark = pytest.mark.filterwarnings("ignore:.shuffle=True:UserWarning")
RNG = np.random.default_rng(0)
VIEWS = RNG.uniform(size=(2, 48, 8)).astype(np.float32)


def simclr(rate=1e-3, optimizer=keras.optimizers.SGD):
    # No normalisation: it would take the growth of the weights back.
    encoder = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(16, activation="relu"),
        ]
    )
    model = methods.SimCLR(encoder, keras.Sequential([keras.Input((16,)),
        keras.layers.Dense(8)]), temperature=0.2)  # fmt: skip
    model.compile(optimizer(rate))
    return model


def batches(views=VIEWS):
    return tf.data.Dataset.from_tensor_slices(tuple(views)).batch(16)


def test_nan_in_the_input_is_named(tmp_path):
    views = VIEWS.copy()
    views[1, 40, 3] = np.nan
    dataset = batches(views)
    good = tmp_path / "last.keras"
    good.touch()
    guard = NanGuard(dataset, checkpoint=lambda: good)
    with pytest.raises(ValueError) as error:
        simclr().fit(dataset, epochs=2, callbacks=[guard], verbose=0)
    message = str(error.value)
    assert "The loss became nan in step 3 of epoch 1 (learning rate 0.001)" in message
    assert "the input: batch 3 of the data holds 1 value that is NaN" in message
    assert f"last good checkpoint is {good}" in message
    assert "too high" not in message


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.AdamW])
def test_an_exploding_learning_rate_is_named(optimizer, tmp_path):
    guard = NanGuard(batches(), checkpoint=tmp_path / "none_yet.keras")
    model = simclr(1e6, optimizer)
    with pytest.raises(ValueError) as error:
        model.fit(batches(), epochs=200, callbacks=[guard], verbose=0)
    message = str(error.value)
    assert "(learning rate 1e+06)" in message
    assert "learning rate of 1e+06 is too high" in message
    assert "The input is finite (3 batches were searched)" in message
    assert "No checkpoint was written so far" in message


def test_broken_weights_are_named_before_the_first_step():
    model = simclr()
    weights = model.encoder.get_weights()
    weights[0][0, 0] = np.inf
    model.encoder.set_weights(weights)
    with pytest.raises(ValueError, match="before the first step: the model, or the"):
        model.fit(batches(), callbacks=[NanGuard()], verbose=0)


def test_a_guard_that_does_not_know_says_what_to_try():
    model = simclr()
    model.temperature = 1e-45  # A subnormal: similarities overflow when divided.
    with pytest.raises(ValueError) as error:
        model.fit(batches(), callbacks=[NanGuard()], verbose=0)
    assert "The input was not searched" in str(error.value)
    assert "a temperature that is too low (1e-45)" in str(error.value)


def test_an_endless_dataset_is_searched_as_far_as_training_came():
    views = VIEWS.copy()
    views[0, 20] = np.inf
    dataset = batches(views).repeat()
    model = simclr()
    with pytest.raises(ValueError, match="batch 2 of the data holds 8 values"):
        model.fit(dataset, steps_per_epoch=5, callbacks=[NanGuard(dataset)], verbose=0)


@pytest.mark.slow
def test_a_healthy_run_raises_no_alarm():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        alarm = CollapseAlarm(batch_size=16)
        history = simclr().fit(
            batches(), epochs=2, callbacks=[NanGuard(batches()), alarm], verbose=0
        )
    assert len(history.history["loss"]) == 2
    assert not alarm.findings


@pytest.mark.slow
def test_a_constant_encoder_raises_the_alarm_once_and_trains_on(capsys):
    model = simclr(0.0)
    model.encoder.set_weights([0.0 * w for w in model.encoder.get_weights()])
    console = Console(width=200)
    alarm = CollapseAlarm(console, batch_size=16)
    with pytest.warns(RuntimeWarning, match="Epoch 1: collapsed: all inputs get near"):
        history = model.fit(batches(), epochs=3, callbacks=[alarm], verbose=0)
    assert len(history.history["loss"]) == 3
    assert [finding.measure for finding in alarm.findings] == ["embedding_std"]
    assert capsys.readouterr().out.count("warning: Epoch 1: collapsed") == 1


@pytest.mark.slow
def test_low_rank_raises_the_alarm_with_the_width_of_the_features():
    model = simclr(0.0)
    weights = model.encoder.get_weights()
    weights[-2] = np.zeros((16, 16), np.float32)
    weights[-2][:, 0] = 1.0  # All but one feature are 0.
    model.encoder.set_weights(weights)
    kernel, bias = model.projector.get_weights()
    model.projector.set_weights([kernel, bias + 1.0])  # Embeddings lie on an arc.
    with pytest.warns(RuntimeWarning, match="the features use about 1 of 16 dim"):
        model.fit(batches(), callbacks=[CollapseAlarm()], verbose=0)


@pytest.mark.slow
def test_the_alarm_embeds_a_probe_where_the_method_reports_nothing():
    encoder = encoders.audio_conv(channels=8, context=8)
    model = methods.CPC(encoder, steps=2, negatives=4)
    encoder.set_weights([0.0 * w for w in encoder.get_weights()])
    model.compile(keras.optimizers.SGD(0.0))
    waves = RNG.normal(size=(4, 2000)).astype(np.float32)
    asked = []

    def features(encoder):
        asked.append(encoder)
        return encoder.predict(waves, verbose=0)

    alarm = CollapseAlarm(probe=features)
    with pytest.warns(RuntimeWarning, match="collapsed"):
        model.fit(waves, callbacks=[alarm], verbose=0)
    assert asked == [encoder]


@pytest.mark.slow
def test_the_alarm_computes_features_now_and_then_and_at_the_end():
    asked = []

    def features(encoder):
        asked.append(len(history))
        return np.eye(16, dtype=np.float32)

    model = methods.CPC(encoders.audio_conv(channels=8, context=8), steps=2)
    model.compile(keras.optimizers.SGD(0.0))
    history = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: history.append(1))
    waves = RNG.normal(size=(4, 2000)).astype(np.float32)
    alarm = CollapseAlarm(probe=features)
    model.fit(waves, epochs=4, callbacks=[count, alarm], verbose=0)
    assert asked == [1, 4]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.slow
def test_data_wait_is_the_share_of_a_slow_pipeline():
    def slow():
        for _ in range(6):
            time.sleep(0.1)
            yield VIEWS[0, :16], VIEWS[1, :16]

    spec = tf.TensorSpec((16, 8), tf.float32)
    model = simclr()
    model.fit(batches(), verbose=0)  # Traces the step.
    wait = DataWait()
    watched = wait.watch(
        tf.data.Dataset.from_generator(slow, output_signature=(spec, spec))
    )
    start = time.perf_counter()
    history = model.fit(watched, epochs=1, callbacks=[wait], verbose=0)
    seconds = time.perf_counter() - start
    (share,) = history.history["data_wait"]
    # Of all the time, which a busy machine makes longer, six waits of 0.1 s.
    assert 0.6 <= share * seconds <= seconds


@pytest.mark.slow
def test_data_wait_is_small_for_a_pipeline_that_keeps_up():
    slow = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3000),
        keras.layers.Dense(3000), keras.layers.Dense(4)])  # fmt: skip
    model = methods.SimCLR(slow)
    model.compile("sgd")
    wait = DataWait()
    watched = wait.watch(batches().repeat(4).prefetch(4))
    assert len(watched) == 12
    history = model.fit(watched, epochs=2, callbacks=[wait], verbose=0)
    assert history.history["data_wait"][1] < 0.2


def test_watched_batches_are_the_same():
    graph = {"x": np.arange(6.0), "y": np.arange(6)}
    plain = tf.data.Dataset.from_tensor_slices(graph).batch(4)
    watched = DataWait().watch(plain)
    assert watched.element_spec == plain.element_spec
    for one, other in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(one["x"], other["x"])


def test_negatives_per_query():
    images = encoders.compact_resnet((32, 32, 3), width=4, blocks=1)
    assert methods.SimCLR(images).negatives_per_query(256) == 510
    dim = encoders.dim_conv(code=8)
    model = methods.DeepInfoMax(dim, width=8)
    count = int(np.prod(model.map_shape[:-1]))
    assert model.negatives_per_query(4) == 3 * count
    assert methods.DeepInfoMax(dim, width=8, locations=5).negatives_per_query(4) == 15
    concat = methods.DeepInfoMax(dim, width=8, critic="concat", negatives=2)
    assert concat.negatives_per_query(64) == 2 * count
    audio = encoders.audio_conv(channels=8, context=8)
    assert methods.CPC(audio, negatives=16).negatives_per_query(8) == 16
    everything = methods.CPC(audio, negatives=None)
    assert everything.negatives_per_query(8) is None
    assert describe_negatives(everything, 8) == ""
    graph = methods.DeepGraphInfomax(encoders.gcn((4,), units=4))
    assert describe_negatives(graph, 1) == "each query has 1 negative"
    assert describe_negatives(methods.Autoencoder(images), 8) == ""
    assert "gives it none" in describe_negatives(methods.SimCLR(images), 1)
    with pytest.raises(ValueError, match="at least 1. Received: batch_size=0"):
        describe_negatives(graph, 0)


def test_all_latents_of_a_grid_are_counted():
    grid = encoders.patch_grid((32, 32, 3))
    model = methods.CPC(grid, steps=2, negatives=None)
    rows, columns = grid.get_layer("latents").output.shape[1:3]
    assert model.negatives_per_query(8) == 8 * rows * columns - 1
    model = methods.CPC(grid, steps=2, negatives=0, negatives_from="same_sequence")
    assert model.negatives_per_query(8) == rows * columns - 1


def test_data_wait_on_a_whole_graph():
    graph = data.GraphData(
        "ring",
        np.eye(8, dtype="float32"),
        np.array([[i, (i + 1) % 8] for i in range(8)]),
    )
    wait = DataWait()
    model = methods.DeepGraphInfomax(encoders.gcn(graph.shape, units=4))
    model.compile("adam")
    watched = wait.watch(data.whole_graph(graph))
    guard = NanGuard(data.whole_graph(graph))
    history = model.fit(watched, epochs=2, callbacks=[wait, guard], verbose=0)
    assert 0 <= history.history["data_wait"][1] <= 1
