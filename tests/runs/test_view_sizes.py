# SPDX-License-Identifier: Apache-2.0
"""Views that grow during training: which step sees which, and who refuses them."""

import dataclasses

import keras
import numpy as np
import pytest
from finished_runs import check_resumed

from cl_keras import runs
from cl_keras.runs.continuation import check_continuation
from cl_keras.runs.jobs.job import load_job, open_source
from cl_keras.runs.known_facts import config_settings

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
SIZES = [8, 12, 16]
NETWORK = {"encoder.widths": [4], "encoder.features": 4}


class Halt(Exception):
    pass


@pytest.fixture
def images(tmp_path):
    np.savez(tmp_path / "images.npz", images=IMAGES)
    return f"npz:{tmp_path / 'images.npz'}"


def config(data, out="", sizes=None, method="simclr", **given):
    given = {"encoder": "compact_conv", "epochs": 6, "settings": NETWORK} | given
    given["settings"] = given["settings"] | {"data.view_sizes": sizes or SIZES}
    return runs.TrainConfig.for_method(
        method, data=data, out=str(out), batch_size=8, **given
    )


def test_each_part_of_the_epochs_has_its_size(images):
    run = config(images)
    job = load_job(run, open_source(run))
    starts = [epoch * job.steps() + 1 for epoch in range(6)]
    sides = [next(iter(job.batches(start)))[1].shape[1] for start in starts]
    assert sides == [8, 8, 12, 12, 16, 16]
    assert next(iter(job.batches()))[0].shape == (8, 16, 16, 3)
    assert job.batches(0).element_spec[0].shape.as_list() == [8, None, None, 3]


def test_training_takes_them_and_goes_on_where_it_stopped(
    images, tmp_path, monkeypatch
):
    seen, whole = [], keras.Model.fit

    def fit(model, **given):
        side = next(iter(given["x"]))[0].shape[1]
        seen.append((given["initial_epoch"], given["epochs"], side))
        if len(seen) == 5:
            raise Halt  # The second run's second part.
        return whole(model, **given)

    monkeypatch.setattr(keras.Model, "fit", fit)
    options = {"evaluate": False, "finish": False, "checkpoint_seconds": 0.0}
    runs.train(config(images, tmp_path / "whole"), **options)
    assert seen == [(0, 2, 8), (2, 4, 12), (4, 6, 16)]
    parts = config(images, tmp_path / "parts")
    with pytest.raises(Halt):
        runs.train(parts, **options)
    runs.train(parts, resume=True, **options)
    assert seen[5:] == [(2, 4, 12), (4, 6, 16)]
    check_resumed(tmp_path / "parts", tmp_path / "whole")


def test_no_longer_training_has_the_same_past(images):
    there = config(images, schedule="constant")
    check_continuation(there, config(images, sizes=tuple(SIZES), schedule="constant"))
    with pytest.raises(ValueError, match=r"epochs: 6 there, 12 now.*another folder.$"):
        check_continuation(there, dataclasses.replace(there, epochs=12))


@pytest.mark.parametrize(
    "given, message",
    [
        ({"encoder": "vit_tiny", "settings": {}}, "takes images of 8 pixels.*vit_tiny"),
        ({"epochs": 2}, r"an epoch or more.*\[8, 12, 16\] and 2 epochs"),
        ({"sizes": "large"}, r"such as \[20, 24, 32\]. Received: 'large'"),
        ({"sizes": [0, 16]}, "smallest_view"),
        ({"method": "dim", "settings": {}}, "with a method of views.*dim"),
    ],
)
def test_what_cannot_be_is_refused(images, tmp_path, given, message):
    with pytest.raises(ValueError, match=message):
        runs.train(config(images, tmp_path / "run", **given))


def test_scores_do_not_need_them(images):
    run = config(images, **{"settings": NETWORK | {"data.channels": 3}})
    assert config_settings(run) == {"data.channels": 3}
