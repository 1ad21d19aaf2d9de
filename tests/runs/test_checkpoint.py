# SPDX-License-Identifier: Apache-2.0
"""The callback that saves a training, by itself."""

import os

import keras
import numpy as np
import pytest
from finished_runs import same

from cl_keras import runs
from cl_keras.runs.checkpoint import Checkpoint, Progress, Restored

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)


def test_what_callbacks_noted_outlives_a_restart(tmp_path):
    before = Restored(tmp_path, None, Progress(facts={"start_knn_accuracy": 0.5}))
    progress = Checkpoint(tmp_path, resumed=before, facts={"steps": 3}).progress
    assert progress.facts == {"start_knn_accuracy": 0.5, "steps": 3}


def test_a_save_that_fails_leaves_the_checkpoints_before(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    checkpoint = Checkpoint(tmp_path)
    checkpoint.set_model(model)
    checkpoint.on_train_begin()
    for checkpoint.progress.step in (1, 2):
        checkpoint.save()

    def full(descriptor):
        raise OSError("no space left")

    # At the last moment before it counts: all of its files are there.
    monkeypatch.setattr(os, "fsync", full)
    checkpoint.progress.step = 3
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save()
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["000001", "000002", "unfinished_3"]
    assert runs.restore(tmp_path).progress.step == 2


@pytest.mark.slow
def test_the_callback_serves_fit_alone(tmp_path):
    from cl_keras import augment, data, encoders, methods

    views = augment.SimCLRImages(size=16)

    def batches(start):
        return data.two_views(IMAGES, views, 8, repeat=True, start=start)

    def model():
        keras.utils.set_random_seed(0)
        encoder = encoders.compact_resnet((16, 16, 3), width=4, blocks=1, stages=1)
        method = methods.SimCLR(encoder)
        method.compile(keras.optimizers.AdamW(1e-3))
        return method

    whole = model()
    whole.fit(batches(0), epochs=4, steps_per_epoch=5, verbose=0)
    first = model()
    first.fit(
        batches(0),
        epochs=2,
        steps_per_epoch=5,
        verbose=0,
        callbacks=[Checkpoint(tmp_path)],
    )
    found = runs.restore(tmp_path)
    assert found.progress.epoch == 2
    found.model.fit(
        batches(int(found.model.optimizer.iterations)),
        initial_epoch=2,
        epochs=4,
        steps_per_epoch=5,
        verbose=0,
        callbacks=[Checkpoint(tmp_path, resumed=found)],
    )
    same(whole.get_weights(), found.model.get_weights())
