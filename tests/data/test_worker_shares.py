# SPDX-License-Identifier: Apache-2.0
"""Workers' shares of every batch: joined, they are the batches of one worker."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data
from cl_keras.data import EncodedImages, encoded_two_views
from cl_keras.data.graphs.batches import graph_batches
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.order import row_batches
from cl_keras.data.sequences.sequence_data import SequenceData

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (22, 12, 12, 3), np.uint8)
ALL = augment.SimCLRImages(size=8, blur=0.5)


def joined(make, workers, steps=4, **options):
    """The first batches, each put together from the shares of the workers."""
    parts = [
        list(make(repeat=True, worker=(w, workers), **options).take(steps))
        for w in range(workers)
    ]
    for shares in zip(*parts, strict=True):
        yield [
            np.concatenate(rows)
            for rows in zip(*map(tf.nest.flatten, shares), strict=True)
        ]


def check(make, workers=2, **options):
    one = make(repeat=True, **options).take(4)
    for batch, other in zip(one, joined(make, workers, **options), strict=True):
        flat = tf.nest.flatten(batch)
        for rows, shares in zip(flat, other, strict=True):
            np.testing.assert_allclose(rows, shares, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_views_of_an_array(workers):
    # Batches of 6 and, at an epoch's end, of 4: shares of 2, 2, 2 and of 1, 1, 2.
    check(
        lambda **o: data.two_views(IMAGES, ALL, 6, drop_remainder=False, **o), workers
    )


@pytest.mark.slow
def test_views_of_a_dataset_and_one_view():
    source = tf.data.Dataset.from_tensor_slices(IMAGES)
    check(lambda **o: data.two_views(source, ALL, 6, **o), start=2)
    check(lambda **o: data.one_view(IMAGES, 6, **o))


@pytest.mark.slow
def test_encoded_images():
    contents = tuple(tf.io.encode_png(image).numpy() for image in IMAGES)
    images = EncodedImages("few", contents, np.array([[12, 12]] * len(IMAGES)))
    check(lambda **o: encoded_two_views(images, ALL, 6, **o))


def test_windows():
    waves = tuple(RNG.normal(size=(n,)).astype("float32") for n in range(40, 60))
    recordings = SequenceData("noise", waves)
    check(lambda **o: data.windows(recordings, 16, 8, **o))


def test_graphs():
    nodes = np.repeat(np.arange(8), 3)
    features = RNG.normal(size=(24, 2)).astype("float32")
    edges = np.array([[3 * g, 3 * g + 1] for g in range(8)])
    graphs = GraphData("triples", features, edges, graph_ids=nodes)
    check(lambda **o: graph_batches(graphs, 4, stacked=True, **o))


def test_own_views_are_drawn_per_worker():
    def noise(images, seed):
        draw = tf.random.stateless_normal(tf.shape(images), seed)
        return draw, draw

    first, second = (
        next(iter(data.two_views(IMAGES, noise, 6, repeat=True, worker=(w, 2))))[0]
        for w in range(2)
    )
    assert np.abs(first - second).max() > 0.1


def test_sizes_stay_static_and_nothing_is_lost():
    order = dict(shuffle=True, seed=1, drop_remainder=True, repeat=True)
    shares = [row_batches(20, 6, worker=(w, 4), **order) for w in range(4)]
    sizes = [share.element_spec[0].shape[0] for share in shares]
    assert sizes == [1, 2, 1, 2]
    rows = np.concatenate([r for share in shares for r, *_ in share.take(3)])
    assert len(set(rows.tolist())) == 18


@pytest.mark.parametrize(
    "worker, repeat, message",
    [((2, 2), True, "number"), ((0, 2), False, "repeat"), ((0, 7), True, "7 workers")],
)
def test_shares_that_cannot_be(worker, repeat, message):
    with pytest.raises(ValueError, match=message):
        row_batches(
            20,
            6,
            shuffle=True,
            seed=0,
            drop_remainder=True,
            repeat=repeat,
            worker=worker,
        )
