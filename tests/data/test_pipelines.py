# SPDX-License-Identifier: Apache-2.0
import collections
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data

COUNT = 22
IMAGES = np.zeros((COUNT, 4, 4, 1), np.uint8) + np.arange(
    COUNT, dtype=np.uint8
).reshape(-1, 1, 1, 1)
LABELS = np.arange(COUNT) * 10


def marked(images, seed):
    """Views that show which image and which seed they were made of."""
    del seed
    return augment.as_float(images), augment.as_float(images) + 0.0


def ids(view):
    return np.round(np.asarray(view)[:, 0, 0, 0] * 255).astype(int).tolist()


def epoch(dataset):
    return [np.concatenate([np.ravel(x) for x in batch]) for batch in dataset]


def noisy(images, seed):
    """Cheap views that follow the seed."""
    images = augment.as_float(images)
    noise = tf.random.stateless_uniform((2, *images.shape), seed)
    return images * noise[0], images * noise[1]


VIEWS = augment.SimCLRImages(size=4)


def sources():
    labelled = data.ImageData("x", IMAGES, LABELS.astype(np.int64))
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    return {
        "array": IMAGES,
        "float": (IMAGES / 255).astype(np.float32),
        "ImageData": labelled,
        "Dataset": dataset,
        "images only": dataset.map(lambda image, label: image),
    }


@pytest.mark.parametrize("name", sources())
def test_an_epoch_has_each_image_once_in_a_new_order(name):
    dataset = data.two_views(sources()[name], marked, 4, drop_remainder=False)
    assert int(dataset.cardinality()) == 6
    first, second = (sum((ids(a) for a, _ in dataset), []) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert first != second
    assert first != sorted(first)


@pytest.mark.parametrize("name", sources())
def test_shapes_types_and_remainder(name):
    dataset = data.two_views(sources()[name], marked, 4)
    assert len(list(dataset)) == len(dataset) == COUNT // 4
    for spec in dataset.element_spec:
        assert spec == tf.TensorSpec((4, 4, 4, 1), tf.float32)


def test_simclr_views_have_static_shapes():
    dataset = data.two_views(IMAGES, VIEWS, 4)
    for spec in dataset.element_spec:
        assert spec == tf.TensorSpec((4, 4, 4, 1), tf.float32)


@pytest.mark.parametrize("name", ["array", "Dataset"])
def test_same_seed_same_epochs_which_all_differ(name):
    first, second = (data.two_views(sources()[name], noisy, 4) for _ in range(2))
    epochs = [epoch(first) for _ in range(3)]
    for got in epochs:
        np.testing.assert_array_equal(got, epoch(second))
    assert (epochs[0][0] != epochs[1][0]).any()
    assert (epochs[1][0] != epochs[2][0]).any()
    other = epoch(data.two_views(sources()[name], noisy, 4, seed=1))
    assert (other[0] != epochs[0][0]).any()


def test_views_differ_between_batches_epochs_and_views_without_shuffle():
    same = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)), 8, axis=0)
    dataset = data.two_views(same.astype(np.uint8), VIEWS, 4, shuffle=False)
    seen = [np.asarray(view) for _ in range(2) for batch in dataset for view in batch]
    flat = np.concatenate(seen).reshape(32, -1)
    assert len(np.unique(flat, axis=0)) == 32


def test_order_without_shuffle():
    dataset = data.two_views(IMAGES, marked, 4, shuffle=False, prefetch=False)
    assert [ids(a) for a, _ in dataset][1] == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("array", {"labels": LABELS}),
        ("float", {"labels": LABELS.tolist()}),
        ("ImageData", {"with_labels": True}),
        ("Dataset", {"with_labels": True}),
    ],
)
def test_labels_stay_with_their_images(name, options):
    for (first, second), labels in data.two_views(
        sources()[name], marked, 4, **options
    ):
        assert np.asarray(labels).tolist() == [10 * x for x in ids(first)]
        assert ids(first) == ids(second)


def test_labels_are_not_passed_on_unless_asked_for():
    for name in ("ImageData", "Dataset"):
        views = next(iter(data.two_views(sources()[name], marked, 4)))
        assert all(isinstance(view, tf.Tensor) for view in views)


def test_repeat_goes_on_with_new_epochs():
    dataset = data.two_views(IMAGES, noisy, 11, repeat=True)
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    got = epoch(dataset.take(6))
    for row in range(1, 6):
        assert (got[0] != got[row]).any()
    orders = data.two_views(IMAGES, marked, 11, repeat=True).take(4)
    orders = [ids(a) for a, _ in orders]
    assert sorted(orders[0] + orders[1]) == sorted(orders[2] + orders[3])
    assert orders[0] != orders[2]


@pytest.mark.parametrize("in_file", [False, True])
def test_cache_reads_a_dataset_once_and_shuffles_anew(tmp_path, in_file):
    reads = tf.Variable(0)

    def count(image):
        reads.assign_add(1)
        return image

    source = tf.data.Dataset.from_tensor_slices(IMAGES).map(count)
    cache = tmp_path / "cache" if in_file else True
    dataset = data.two_views(source, marked, 11, cache=cache)
    orders = [sum((ids(a) for a, _ in dataset), []) for _ in range(3)]
    assert int(reads) == COUNT
    assert orders[0] != orders[1] != orders[2]


def test_seed_of_a_custom_view_maker_is_two_integers():
    def views(images, seed):
        assert seed.shape == (2,)
        return marked(images, seed)

    next(iter(data.two_views(IMAGES, views, 4)))


@pytest.mark.slow
def test_keras_trains_on_it_and_on_replicas_too():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
        model.compile("sgd", "mse")
    dataset = data.two_views(IMAGES, marked, 8)
    history = model.fit(dataset.map(lambda a, b: (a, tf.ones((8, 4)))), verbose=0)
    assert np.isfinite(history.history["loss"][0])
    distributed = strategy.experimental_distribute_dataset(dataset)
    seen = []
    for first, _ in distributed:
        for part in strategy.experimental_local_results(first):
            assert part.shape[0] == 4
            seen += ids(part)
    assert len(set(seen)) == len(seen) == 16


@pytest.mark.parametrize("name", sources())
def test_batches_are_floats_in_order_with_the_remainder(name):
    dataset = data.batches(sources()[name], 4)
    assert len(dataset) == 6
    got = list(dataset)
    assert all(x.dtype == tf.float32 for x in got)
    assert sum((ids(x) for x in got), []) == list(range(COUNT))


NAN = np.full((4, 4, 4, 1), np.nan, np.float32)


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (IMAGES, {"batch_size": 1}, "batch_size=1"),
        (IMAGES, {"batch_size": 23}, "at most the number of images, 22"),
        (IMAGES, {"batch_size": 7, "drop_remainder": False}, "no negatives"),
        (IMAGES[0], {}, "\\(4, 4, 1\\)"),
        (IMAGES[:0], {}, "at least one image"),
        (NAN, {}, "without NaN"),
        (IMAGES.astype(np.float32), {}, "0.0..21.0"),
        (IMAGES, {"with_labels": True}, "Received: none"),
        (IMAGES, {"labels": LABELS[:3]}, "one label an image"),
        (tf.data.Dataset.from_tensors(IMAGES), {}, "unbatch"),
        (tf.data.Dataset.from_tensor_slices(IMAGES), {"labels": LABELS}, "pairs"),
        (tf.data.Dataset.from_tensor_slices(IMAGES), {"with_labels": True}, "pairs"),
        (tf.data.Dataset.from_tensor_slices(IMAGES[:0]), {}, "empty"),
        (tf.data.Dataset.from_tensor_slices(IMAGES), {"batch_size": 23}, "at most"),
        (tf.data.Dataset.from_tensor_slices({"a": IMAGES}), {}, "image tensors"),
    ],
)
def test_unfit_arguments_fail_before_training(images, options, message):
    with pytest.raises(ValueError, match=message):
        data.two_views(images, VIEWS, **{"batch_size": 4, **options})


@pytest.mark.parametrize("images", [IMAGES.astype(np.int32), IMAGES.tolist(), "digits"])
def test_wrong_types_are_named(images):
    with pytest.raises(TypeError, match="int32|list|str"):
        data.two_views(images, VIEWS, 4)
    with pytest.raises(TypeError, match="int32|list|str"):
        data.batches(images)


def test_views_must_be_callable():
    with pytest.raises(TypeError, match="callable"):
        data.two_views(IMAGES, None, 4)


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


@pytest.mark.parametrize("seed", [-1, 2**32, 2**63, 0.5])
@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("name", ["array", "Dataset"])
def test_numbers_that_are_no_seeds_are_named(name, repeat, seed):
    with pytest.raises(ValueError, match="`seed` as an integer from 0 to"):
        data.two_views(sources()[name], marked, 4, seed=seed, repeat=repeat)


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
