# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from cl_keras import augment, data, methods
from cl_keras.evaluate import (
    OnlineEvaluation,
    embed,
    embed_sequences,
    knn,
    linear_probe,
)
from cl_keras.runs.callbacks import MetricsLog

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
IMAGES = (RNG.integers(0, 90, (60, 8, 8, 1)) + 70 * LABELS[:, None, None, None]).astype(
    np.uint8
)
TRAIN, TEST = (IMAGES[:40], LABELS[:40]), (IMAGES[40:], LABELS[40:])


def model_of():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model = methods.SimCLR(encoder)
    model.compile(keras.optimizers.Adam(1e-2))
    return model


def fit(callbacks, epochs=3):
    model = model_of()
    views = augment.SimCLRImages(size=8)
    batches = data.two_views(IMAGES[:32], views, batch_size=16, seed=0)
    history = model.fit(
        batches, epochs=epochs, verbose=0, shuffle=False, callbacks=callbacks
    )
    return model, history.history


@pytest.mark.slow
def test_weights_are_those_of_a_training_without_it(tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra [eval]")
    online = OnlineEvaluation(TRAIN, TEST, k=5, probe=True)
    log = tmp_path / "metrics.jsonl"
    watched, history = fit([online, MetricsLog(log)])
    alone, plain = fit([])
    for one, other in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert history["loss"] == plain["loss"]
    # The last score is that of the final weights, and the log has them all.
    x, test_x = embed(alone.encoder, TRAIN[0]), embed(alone.encoder, TEST[0])
    assert history["online_knn_accuracy"][-1] == knn(x, TRAIN[1], test_x, TEST[1], k=5)
    assert history["online_linear_accuracy"][-1] == linear_probe(
        x, TRAIN[1], test_x, TEST[1]
    )
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["online_knn_accuracy"] for row in rows] == history[
        "online_knn_accuracy"
    ]


def test_every_other_epoch_and_from_features(tmp_path):
    calls = []

    def features_of(encoder):
        calls.append(encoder)
        return embed(encoder, TRAIN[0]), embed(encoder, TEST[0])

    online = OnlineEvaluation.from_features(
        features_of, (TRAIN[1], TEST[1]), k=5, every=2
    )
    log = tmp_path / "metrics.jsonl"
    model, history = fit([online, MetricsLog(log)], epochs=5)
    assert calls == [model.encoder] * 2
    assert len(history["online_knn_accuracy"]) == 2
    assert "online_linear_accuracy" not in history
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert ["online_knn_accuracy" in row for row in rows] == [
        False, True, False, True, False,
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_other_embeddings_and_plain_models():
    waves = [np.full(size, sign, np.float32) for size in (5, 9) for sign in (1, -1)]
    labels = np.array([1, 0, 1, 0])
    model = keras.Sequential(
        [keras.Input((None, 1)), keras.layers.GlobalAveragePooling1D()]
    )
    waves = [wave[:, None] for wave in waves]
    model.compile("sgd", "mse")
    online = OnlineEvaluation(
        (waves, labels), (waves, labels), k=1, embed=embed_sequences
    )
    history = model.fit(
        np.ones((4, 3, 1)), np.ones((4, 1)), verbose=0, callbacks=[online]
    )
    assert history.history["online_knn_accuracy"] == [1.0]


@pytest.mark.filterwarnings("ignore:No online scores")
def test_nan_features_are_a_warning_and_training_goes_on():
    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                layer = self.model.encoder.layers[0]
                layer.bias.assign(np.full(4, np.nan))

    online = OnlineEvaluation(TRAIN, TEST, k=5)
    with pytest.warns(RuntimeWarning, match="after epoch 2.*finite.*diverge"):
        _, history = fit([Break(), online])
    assert np.isfinite(history["online_knn_accuracy"]).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "Received: k=0"),
        ({"every": 0}, "Received: every=0"),
        ({"train": (IMAGES, LABELS[:5])}, r"train labels.*\(60,\).*\(5,\)"),
        ({"test": (IMAGES, LABELS / 2)}, "test labels.*whole numbers.*0.5"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        OnlineEvaluation(**({"train": TRAIN, "test": TEST} | change))


@pytest.mark.slow
def test_inputs_that_do_not_fit_stop_the_training():
    online = OnlineEvaluation((IMAGES.repeat(3, axis=3), LABELS), TEST)
    with pytest.raises(ValueError, match="3"):
        fit([online])


@pytest.mark.slow
def test_two_replicas_score_once_and_train_alike():
    script = """
        import os
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import json
        import keras
        import numpy as np
        import tensorflow as tf
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * 2,
        )
        from cl_keras.evaluate import OnlineEvaluation, choose_knn, embed, knn

        x = np.random.default_rng(0).random((32, 4, 4, 1), np.float32)
        y = np.arange(32) % 3
        calls = []

        def counted(encoder, images):
            calls.append(len(images))
            return embed(encoder, images)

        def fit(callbacks):
            keras.utils.set_random_seed(0)
            with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
                model = keras.Sequential([
                    keras.Input((4, 4, 1)),
                    keras.layers.Conv2D(4, 3),
                    keras.layers.BatchNormalization(),
                    keras.layers.Dropout(0.2),
                    keras.layers.Flatten(),
                ])
                model.compile(keras.optimizers.Adam(0.1), "mse")
            history = model.fit(
                x, np.zeros((32, 16)), batch_size=16, epochs=2, shuffle=False,
                verbose=0, callbacks=callbacks,
            )
            return model, history.history

        online = OnlineEvaluation((x, y), (x[:7], y[:7]), k=5, embed=counted)
        watched, history = fit([online])
        plain, _ = fit([])
        bank, queries = embed(plain, x), embed(plain, x[:7])
        k, standardize = choose_knn(bank, y, 5)
        print(json.dumps({
            "replicas": watched.distribute_strategy.num_replicas_in_sync,
            "calls": calls,
            "same": all(
                np.array_equal(a, b)
                for a, b in zip(watched.get_weights(), plain.get_weights())
            ),
            "scores": history["online_knn_accuracy"],
            "expected": knn(bank, y, queries, y[:7], k, standardize=standardize),
        }))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["replicas"] == 2 and found["same"]
    assert found["calls"] == [32, 7, 32, 7]
    assert len(found["scores"]) == 2 and found["scores"][-1] == found["expected"]
