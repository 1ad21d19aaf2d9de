# SPDX-License-Identifier: Apache-2.0
"""Views of recordings and of sensor readings."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data
from cl_keras.augment import draws

SEED = (3, 7)
CHANGES = {
    "crop_time": lambda x: augment.crop_time(x, SEED, 10),
    "random_gain": lambda x: augment.random_gain(x, SEED),
    "add_noise": lambda x: augment.add_noise(x, SEED, p=0.5),
    "mask_time": lambda x: augment.mask_time(x, SEED, 0.5, 2),
    "mask_bands": lambda x: augment.mask_bands(x, SEED, 0.5, 2),
    "jitter_series": lambda x: augment.jitter_series(x, SEED),
    "scale_series": lambda x: augment.scale_series(x, SEED),
    "rotate_series": lambda x: augment.rotate_series(x, SEED),
    "warp_time": lambda x: augment.warp_time(x, SEED),
    "permute_segments": lambda x: augment.permute_segments(x, SEED),
    "resize_crop": lambda x: augment.resize_crop(x, SEED),
    "mix_log": lambda x: augment.mix_log(x, x[::-1], SEED),
}


def series(count=6, time=24, channels=6):
    return np.random.default_rng(0).normal(size=(count, time, channels)).astype("f")


@pytest.mark.parametrize("name", CHANGES)
def test_a_worker_draws_for_its_rows_what_one_would(name):
    x, change = series(), CHANGES[name]
    whole = change(x).numpy()
    assert not np.array_equal(whole[0], whole[1]) and whole.dtype == np.float32
    np.testing.assert_array_equal(change(x), whole)
    if name == "mix_log":
        return  # The others are given.
    with draws.drawing_for(tf.constant(2), tf.constant(6)):
        np.testing.assert_allclose(change(x[2:5]), whole[2:5], atol=1e-6)


def test_gain_and_noise_have_the_decibels_asked_for():
    x = series(400, 200, 1)
    gains = 20 * np.log10(augment.random_gain(x, SEED, 6.0)[:, 0, 0] / x[:, 0, 0])
    assert -6 <= gains.min() < -5 and 5 < gains.max() <= 6
    noise = augment.add_noise(x, SEED, (20.0, 20.0)) - x
    ratio = 10 * np.log10(np.square(x).mean((1, 2)) / np.square(noise).mean((1, 2)))
    np.testing.assert_allclose(ratio.mean(), 20, atol=0.2)
    changed = np.any(augment.add_noise(x, SEED, p=0.3) != x, axis=(1, 2))
    assert 0.2 < changed.mean() < 0.4


@pytest.mark.parametrize(("mask", "axis"), [("mask_time", 1), ("mask_bands", 2)])
def test_masks_are_one_stretch_of_at_most_their_share(mask, axis):
    x = np.ones((500, 20, 30), np.float32)
    found = getattr(augment, mask)(x, SEED, share=0.3).numpy()
    other = 3 - axis
    np.testing.assert_array_equal(found.min(other), found.max(other))
    kept = found.max(other)
    hidden = kept.shape[1] - kept.sum(1)
    assert hidden.min() == 0 and hidden.max() == 0.3 * kept.shape[1]
    assert (np.abs(np.diff(kept)).sum(1) <= 2).all()
    assert {0, kept.shape[1] - 1} <= set(np.nonzero(kept == 0)[1])


def test_crops_are_stretches_of_their_own_recording():
    x = np.arange(1000, dtype="f").reshape(10, 100)
    crops = augment.crop_time(x, SEED, 40).numpy()
    np.testing.assert_array_equal(np.diff(crops), 1)
    assert (crops[:, 0] // 100 == np.arange(10)).all()
    # All places are reached, both ends too.
    many = augment.crop_time(np.tile(x[:1, :5], (200, 1)), SEED, 4).numpy()
    assert set(many[:, 0]) == {0, 1}
    with pytest.raises(ValueError, match=r"at least 101 samples.*100"):
        augment.crop_time(x, SEED, 101)


def test_rotations_are_rotations_shared_by_the_triples():
    axes = np.tile(np.eye(3, dtype="f"), (300, 1, 2))
    turned = augment.rotate_series(axes, SEED).numpy()
    first, second = turned[..., :3], turned[..., 3:]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(
        first @ first.swapaxes(1, 2), np.tile(np.eye(3), (300, 1, 1)), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(first), 1, atol=1e-5)
    assert np.abs(first.mean(0)).max() < 0.15  # Uniform: no direction is preferred.
    with pytest.raises(ValueError, match="triples"):
        augment.rotate_series(series(channels=4), SEED)


def test_time_runs_unevenly_and_forwards():
    clock = np.tile(np.arange(24, dtype="f")[:, None], (50, 1, 1))
    warped = augment.warp_time(clock, SEED, sigma=0.4).numpy()[..., 0]
    np.testing.assert_allclose(warped[:, [0, -1]], [[0, 23]] * 50, atol=1e-3)
    assert (np.diff(warped) > 0).all() and np.abs(warped - clock[..., 0]).max() > 1
    np.testing.assert_allclose(
        augment.warp_time(clock, SEED, sigma=0.0), clock, atol=1e-4
    )


def test_segments_change_places_whole():
    clock = np.tile(np.arange(10, dtype="f")[:, None], (200, 1, 1))
    moved = augment.permute_segments(clock, SEED, 3).numpy()[..., 0]
    orders = {tuple(row) for row in moved.astype(int)}
    parts = [(0, 1, 2, 3), (4, 5, 6), (7, 8, 9)]
    assert len(orders) == 6
    assert all(sorted(order) == list(range(10)) for order in orders)
    joined = ["".join(map(str, order)) for order in orders]
    assert all("".join(map(str, p)) in text for p in parts for text in joined)


def test_mixtures_add_energies():
    x, y = series(), series()[::-1]
    mixed = np.exp(augment.mix_log(x, y, SEED, most=0.4))
    shares = (mixed - np.exp(x)) / (np.exp(y) - np.exp(x))
    spread = np.median(shares, axis=(1, 2))
    np.testing.assert_allclose(
        shares, np.broadcast_to(spread[:, None, None], x.shape), atol=1e-2
    )
    assert (0 <= spread).all() and (spread < 0.4).all()
    assert np.isfinite(augment.mix_log([[[-100.0]]], [[[300.0]]], SEED)).all()


def test_resized_crops_by_a_slow_formula():
    x = series(3, 9, 5)
    found = augment.resize_crop(x, SEED, (0.5, 1.4), (0.5, 0.9)).numpy()
    seeds = tf.unstack(tf.random.split(SEED, 2))
    drawn = [tf.random.stateless_uniform([3, 2], seed).numpy() for seed in seeds]

    def places(share, at, size, longest):
        start = at * (longest - share) - (longest - 1) / 2
        return [(start + share * (i + 0.5) / size) * size - 0.5 for i in range(size)]

    def value(image, row, column):
        row, column = (
            np.clip(v, 0, n - 1) if -0.5 <= v <= n - 0.5 else None
            for v, n in ((row, 9), (column, 5))
        )
        if row is None or column is None:
            return 0.0
        rows = [np.interp(row, range(9), image[:, j]) for j in range(5)]
        return np.interp(column, range(5), rows)

    for image, result, (t, s), (b, c) in zip(x, found, *drawn, strict=True):
        rows = places(0.5 + 0.9 * t, s, 9, 1.5)
        columns = places(0.5 + 0.4 * b, c, 5, 1.0)
        slow = [[value(image, r, q) for q in columns] for r in rows]
        np.testing.assert_allclose(result, slow, atol=1e-4)


def test_views_of_training_only_on_replicas_too():
    layer = augment.SpectrogramView(mix=0.4, seed=1)
    x = series(8)
    np.testing.assert_array_equal(layer(x), x)
    whole = layer(x, training=True).numpy()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        divided = augment.SpectrogramView(mix=0.4, seed=1)
    split = strategy.experimental_distribute_values_from_function(
        lambda place: tf.constant(x[4 * place.replica_id_in_sync_group :][:4])
    )
    run = tf.function(lambda: strategy.run(divided, (split,), {"training": True}))
    parts = strategy.experimental_local_results(run())
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    one = layer(x[:1], training=True)
    assert np.isfinite(one).all()


@pytest.mark.parametrize(
    ("maker", "shape"),
    [
        (augment.AudioViews(crop=0.5, mask=0.3), (4, 12)),
        (augment.SeriesViews(crop=0.5, rotate=0.5, warp=0.2, permute=0.5), (4, 12, 3)),
    ],
)
def test_two_views_of_windows(maker, shape):
    assert type(maker).from_config(maker.get_config()) == maker
    rng = np.random.default_rng(0)
    sounds = [rng.normal(size=(30, *shape[2:])).astype("f") for _ in range(4)]
    sounds = data.SequenceData("noise", tuple(sounds))
    options = {"views": maker, "seed": 5, "repeat": True}
    both = next(iter(data.windows(sounds, 24, 4, **options)))
    assert len(both) == 2 and all(tuple(view.shape) == shape for view in both)
    assert not np.array_equal(*both)
    parts = [
        next(iter(data.windows(sounds, 24, 4, worker=(n, 2), **options)))
        for n in range(2)
    ]
    for whole, *divided in zip(both, *parts, strict=True):
        np.testing.assert_allclose(np.concatenate(divided), whole, atol=1e-5)


@pytest.mark.parametrize(
    ("maker", "wrong", "message"),
    [
        ("AudioViews", {"crop": 0.0}, "crop"),
        ("AudioViews", {"noise": 2.0}, "noise"),
        ("AudioViews", {"snr": (3.0, 1.0)}, "snr"),
        ("AudioViews", {"mask": 1.5}, "share"),
        ("SeriesViews", {"rotate": -1.0}, "rotate"),
        ("SeriesViews", {"warp": -0.1}, "warp"),
        ("SeriesViews", {"segments": 0}, "segments"),
        ("SpectrogramView", {"mix": 1.0}, "mix"),
    ],
)
def test_wrong_parameters_are_named(maker, wrong, message):
    with pytest.raises(ValueError, match=message):
        getattr(augment, maker)(**wrong)
    with pytest.raises(ValueError, match="floating"):
        augment.mask_time(np.ones((2, 3), int), SEED)
