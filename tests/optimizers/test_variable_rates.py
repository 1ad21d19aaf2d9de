# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
from replica_cases import two_views

from cl_keras import methods, optimizers


def simsiam(rate="peak"):
    keras.utils.set_random_seed(0)
    small = two_views.small_model("simsiam")
    return methods.SimSiam(
        small.encoder, small.predictor, predictor_rate=rate, projector=small.projector
    )


def at_the_end(make):
    """A schedule whose rate is 0 from the second step on."""
    rate = optimizers.WarmupCosine(0.1, epochs=1, steps_per_epoch=1, warmup_epochs=0)
    return make(rate)


def moved(model, views, steps=1):
    before = {v.path: np.array(v) for v in model.trainable_variables}
    for _ in range(steps):
        model.train_on_batch(views)
    return {v.path for v in model.trainable_variables if np.any(v != before[v.path])}


@pytest.mark.parametrize(
    "make",
    [
        lambda rate: optimizers.AdamW(rate, weight_decay=0.0),
        lambda rate: optimizers.LARS(rate),
    ],
    ids=["adamw", "lars"],
)
@pytest.mark.parametrize("reload", [False, True], ids=["made", "loaded"])
def test_the_predictor_alone_goes_on_at_the_peak(make, reload, tmp_path):
    model, views = simsiam(), two_views.views("simsiam", 8)
    model.compile(at_the_end(make))
    model.train_on_batch(views)
    if reload:
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
    # LARS of a rate of 0 still has momentum, of steps at the old rate.
    for velocity in getattr(model.optimizer, "momentums", []):
        velocity.assign(np.zeros(velocity.shape))
    predictor = {v.path for v in model.predictor.trainable_variables}
    others = {v.path for v in model.trainable_variables} - predictor
    now = moved(model, views)
    assert now >= {path for path in predictor if "kernel" in path}
    assert not now & others


def test_by_default_all_follow_the_schedule():
    model, views = simsiam("schedule"), two_views.views("simsiam", 8)
    model.compile(at_the_end(lambda rate: optimizers.AdamW(rate, weight_decay=0.0)))
    model.train_on_batch(views)
    assert not moved(model, views)


def test_optimizers_of_one_rate_are_refused():
    with pytest.raises(TypeError, match=r"cl_keras\.optimizers"):
        simsiam().compile(keras.optimizers.Adam(0.1))
    with pytest.raises(ValueError, match="predictor_rate"):
        simsiam("fast")
