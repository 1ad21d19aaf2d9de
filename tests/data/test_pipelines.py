# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf
from marked_images import COUNT, IMAGES, ids, marked, noisy

from cl_keras import augment, data

LABELS = np.arange(COUNT) * 10


def epoch(dataset):
    return [np.concatenate([np.ravel(x) for x in batch]) for batch in dataset]


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


@pytest.mark.parametrize("seed", [-1, 2**32, 2**63, 0.5])
@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("name", ["array", "Dataset"])
def test_numbers_that_are_no_seeds_are_named(name, repeat, seed):
    with pytest.raises(ValueError, match="`seed` as an integer from 0 to"):
        data.two_views(sources()[name], marked, 4, seed=seed, repeat=repeat)
