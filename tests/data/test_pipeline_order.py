# SPDX-License-Identifier: Apache-2.0
"""The order of a pipeline: seeds, first steps, and shuffling as a whole."""

import collections
import warnings

import numpy as np
import pytest
import tensorflow as tf
from marked_images import COUNT, IMAGES, ids, marked, noisy

from cl_keras import data


def test_step_n_is_the_same_from_wherever_the_pipeline_begins():
    def steps(start, count):
        dataset = data.two_views(IMAGES, noisy, 4, repeat=True, seed=3, start=start)
        return [batch[0].numpy() for batch in dataset.take(count)]

    whole = steps(0, 7)  # Three epochs, in part.
    tf.random.set_seed(17)  # As in another process.
    np.testing.assert_array_equal(whole[5:], steps(5, 2))
    np.testing.assert_array_equal(whole[6:], steps(6, 1))
    assert all((whole[0] != other).any() for other in whole[1:])


def test_a_dataset_begins_at_any_step_too():
    source = tf.data.Dataset.from_tensor_slices(IMAGES)
    options = dict(repeat=True, seed=3, shuffle=False)
    whole = list(data.two_views(source, noisy, 4, **options).take(5))
    later = next(iter(data.two_views(source, noisy, 4, start=4, **options)))
    np.testing.assert_array_equal(whole[4][0], later[0])


@pytest.mark.parametrize("buffer", [None, 8])
def test_the_order_of_a_repeated_dataset_follows_from_its_seed_alone(buffer):
    source = tf.data.Dataset.from_tensor_slices(IMAGES)
    options = dict(repeat=True, seed=3, shuffle_buffer=buffer)
    found = []
    for number in (1, 2):  # As in two programs.
        tf.random.set_seed(number)
        batches = data.two_views(source, noisy, 4, **options).take(11)
        found.append([view1.numpy() for view1, _ in batches])
    np.testing.assert_array_equal(*found)
    later = data.two_views(source, noisy, 4, start=9, **options).take(2)
    np.testing.assert_array_equal(found[0][9:], [view1.numpy() for view1, _ in later])
    other = next(iter(data.two_views(source, noisy, 4, **options | {"seed": 4})))
    assert (other[0].numpy() != found[0][0]).any()


def test_each_epoch_of_a_repeated_dataset_has_each_image_once():
    source = tf.data.Dataset.from_tensor_slices(IMAGES)
    options = dict(repeat=True, drop_remainder=False)
    batches = data.two_views(source, marked, 4, **options).take(12)
    seen = [ids(view1) for view1, _ in batches]
    first, second = sum(seen[:6], []), sum(seen[6:], [])
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert first != second != sorted(second)


def blanks(count):
    size = (512, 512, 3)
    return tf.data.Dataset.range(count).map(lambda _: tf.zeros(size, tf.uint8))


def test_a_dataset_is_shuffled_as_a_whole_or_said_not_to_be():
    numbers = tf.data.Dataset.range(12_000)
    bright = numbers.map(
        lambda i: tf.fill((1, 1, 1), tf.cast(i, tf.float32) / 12_000.0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batches = data.two_views(bright, marked, 1000)
        data.two_views(blanks(12_000), marked, 8, shuffle_buffer=10)  # As asked for.
    order = np.concatenate([np.ravel(view1) for view1, _ in batches])
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.05
    with pytest.warns(UserWarning, match="12000 images is shuffled among 10000"):
        data.two_views(blanks(12_000), marked, 8)
    with pytest.warns(UserWarning, match="unknown number of images"):
        data.two_views(blanks(20).filter(lambda _: True), marked, 8)


@pytest.mark.parametrize("options", [{"start": 2}, {"start": -1, "repeat": True}])
def test_a_start_needs_repeat_and_no_sign(options):
    with pytest.raises(ValueError, match="`start` as a number of steps"):
        data.two_views(IMAGES, noisy, 4, **options)


@pytest.mark.slow
def test_every_order_is_as_likely():
    from cl_keras.data.order import row_batches

    options = dict(shuffle=True, seed=0, drop_remainder=True, repeat=True)
    counts = np.zeros((5, 5), int)
    for rows, _ in row_batches(5, 5, **options).take(2000):
        counts[np.arange(5), rows.numpy()] += 1
    # Chi square with 16 degrees of freedom: 39.3 is passed once in a thousand times.
    assert ((counts - 400) ** 2 / 400).sum() < 39.3
    # Whole orders, not places alone: a rotation has all places and half the orders.
    orders = collections.Counter(
        tuple(rows.numpy()) for rows, _ in row_batches(3, 3, **options).take(1200)
    )
    counts = np.array(list(orders.values()))
    assert len(counts) == 6 and ((counts - 200) ** 2 / 200).sum() < 20.5  # 5 degrees.
