# SPDX-License-Identifier: Apache-2.0
"""tf.data pipelines for training and for prediction."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from cl_keras import augment, check
from cl_keras.augment.views import ImageViews
from cl_keras.data.images.batching import (
    Images,
    image_array,
    image_elements,
    on_host,
    pipeline,
)
from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.data.images.encoded_views import views_of_encoded, whole_of_encoded
from cl_keras.labels import Labels
from cl_keras.untuned import ahead

Views: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]


def two_views(
    images: Images,
    views: Views,
    batch_size: int,
    *,
    labels: Labels | None = None,
    with_labels: bool = False,
    shuffle: bool = True,
    shuffle_buffer: int | None = None,
    seed: int = 0,
    drop_remainder: bool = True,
    cache: bool | str | os.PathLike[str] = False,
    prefetch: bool = True,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the training pipeline: shuffle, batch, random views of each image.

    There are two, or as many as `views` makes.

    Views are drawn for whole batches, with a stateless seed for each batch: two
    datasets made with the same arguments give the same sequence of epochs, and each
    epoch differs from the one before. With `repeat`, what step n sees follows from
    `seed` and n alone, so that training can go on where it stopped; without, the
    sequence also follows `tf.random.set_seed` (and so `keras.utils.set_random_seed`),
    as everywhere in tf.data. uint8 is scaled to [0, 1]; floats outside and NaN are
    refused: of arrays at once, of a `Dataset` at the batch they are in.

    Encoded images are each decoded as they are cropped: the boxes of all random crops
    are drawn first, and a JPEG is decoded for them once, at 1/2, 1/4 or 1/8 of its size
    where no view needs more. Boxes are rounded to whole pixels, as in SimCLR's own
    code, and the crops are resized with antialiasing. Those of one size, none of whose
    crops can be larger than a view, give what the decoded images do, number for number.

    Args:
        images: `(count, height, width, channels)`, uint8 or float in [0, 1], as an
            array or `ImageData`; encoded images in memory or in files
            (`encoded_images`) or in records (`record_images`); or an unbatched
            `tf.data.Dataset` of images or `(image, label)` pairs, all of one size.
        views: Called as `views(images, seed)` with `(batch, height, width, channels)`
            and two integers, such as `augment.SimCLRImages(size=32)`. Encoded images
            need such views, which say how they crop.
        batch_size: Images in a batch, at least 2: other images are the negatives.
        labels: One label an image of an array, as in `ImageData`.
        with_labels: Whether to pass on the labels that the images have themselves.
        shuffle: Whether to draw a new order for each epoch.
        shuffle_buffer: Images among which a `Dataset` is shuffled; they are held in
            memory. By default all of them, if their number is known and they fit into
            1 GiB or are 10,000 at most; else as many as that, with a warning: of a
            dataset sorted by class, batches would be of few classes. Arrays are
            always shuffled as a whole.
        seed: Seed of order and views.
        drop_remainder: Whether to leave out a last batch that is not full.
        cache: Whether to keep the images of a `Dataset` in memory (True) or in a file
            (its path) after the first epoch. Arrays are in memory anyway.
        prefetch: Whether to prepare batches while the model trains.
        repeat: Whether to go on without end; then give `fit` its `steps_per_epoch`.
        start: Step to begin at, with `repeat`: `model.optimizer.iterations` of a model
            that goes on training. A `Dataset` is read from its beginning up to there.
        worker: This worker's number and how many there are, with `repeat`. Each takes
            its own images of every batch, and makes the views of them that one worker
            would make; views of a class of your own are drawn per worker. Of a
            `Dataset`, every worker reads all images.

    Returns:
        A dataset of `(view1, view2)`, or `((view1, view2), labels)` with labels, each
        view `(batch, size, size, channels)` float32 in [0, 1]; of more where `views`
        makes more.

    Raises:
        ValueError: If an argument is out of range or the images are unfit.
        TypeError: If `images` or `views` is of a wrong type.

    Example:
    >>> images = np.zeros((64, 32, 32, 3), np.uint8)
    >>> dataset = two_views(images, augment.SimCLRImages(size=32), batch_size=16)
    >>> len(dataset), next(iter(dataset))[0].shape.as_list()
    (4, [16, 32, 32, 3])
    """
    if not callable(views):
        raise TypeError(
            "Expected `views` to be callable as views(images, seed), such as "
            f"augment.SimCLRImages(). Received: views={views!r}"
        )
    own_draws = not isinstance(views, ImageViews | augment.ImageView)
    if isinstance(images, EncodedSource):
        views = views_of_encoded(images, views)
    return pipeline(
        images,
        views,
        batch_size,
        labels=labels,
        with_labels=with_labels,
        shuffle_buffer=shuffle_buffer,
        cache=cache,
        prefetch=prefetch,
        # Unknown views draw for the rows they see: not the same on all workers.
        fold=worker[0] if own_draws and worker[1] > 1 else None,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
        worker=worker,
    )


#: `two_views` takes encoded images, too; the name is older.
encoded_two_views = two_views


def one_view(
    images: Images,
    batch_size: int,
    *,
    size: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = True,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the training pipeline of methods that look at an image as it is.

    Args:
        images: As in `two_views`; labels are dropped.
        batch_size: Images in a batch, at least 2.
        size: Side that encoded images are decoded at: resized to cover it and cut to
            the centre. Others have one size.
        shuffle: Whether to draw a new order for each epoch.
        seed: Seed of the order.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: As in `two_views`.
        start: As in `two_views`.
        worker: As in `two_views`.

    Returns:
        A dataset of `(images,)`, `(batch, height, width, channels)` float32 in
        [0, 1].

    Raises:
        ValueError: If an argument is out of range or the images are unfit.
        TypeError: If `images` is of a wrong type.

    Example:
    >>> (batch,) = next(iter(one_view(np.zeros((8, 16, 16, 1), np.uint8), 4)))
    >>> batch.shape.as_list()
    [4, 16, 16, 1]
    """

    def as_they_are(batch: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor]:
        del seed
        return (augment.as_float(batch),)

    whole: Callable[[Any, tf.Tensor], Any] = as_they_are
    if isinstance(images, EncodedSource):
        whole = whole_of_encoded(images, size)
    return pipeline(
        images,
        whole,
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
        worker=worker,
    )


def encoded_one_view(
    images: EncodedSource, size: int, batch_size: int, **order: Any
) -> tf.data.Dataset:
    """Builds the pipeline of `one_view` with the size of encoded images given first.

    Args:
        images: Encoded images, as in `two_views`.
        size: Side of the square images.
        batch_size: Images in a batch, at least 2.
        **order: The other arguments of `one_view`.

    Returns:
        As `one_view`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> png = tf.io.encode_png(np.zeros((20, 30, 3), np.uint8)).numpy()
    >>> images = data.EncodedImages("two", (png, png), np.array([[20, 30]] * 2))
    >>> next(iter(encoded_one_view(images, 16, 2)))[0].shape.as_list()
    [2, 16, 16, 3]
    """
    return one_view(images, batch_size, size=size, **order)


def batches(
    images: Images, batch_size: int = 256, *, size: int | None = None
) -> tf.data.Dataset:
    """Builds the pipeline for prediction: float images in order, none left out.

    Args:
        images: As in `two_views`; labels are dropped.
        batch_size: Images in a batch.
        size: As in `one_view`.

    Returns:
        A dataset of `(batch, height, width, channels)`, float32 in [0, 1].

    Raises:
        ValueError: If an argument is out of range or the images are unfit.
        TypeError: If `images` is of a wrong type.

    Example:
    >>> [x.shape[0] for x in batches(np.zeros((5, 8, 8, 1), np.uint8), 2)]
    [2, 2, 1]
    """
    check.at_least(1, batch_size=batch_size)
    if isinstance(images, EncodedSource):
        images = images.dataset(size)  # type: ignore[arg-type]  # None is refused.
    if isinstance(images, tf.data.Dataset):
        dataset = image_elements(images, False).batch(batch_size).map(augment.as_float)
    else:
        stored = on_host(image_array(images))
        dataset = tf.data.Dataset.range(len(stored)).batch(batch_size)
        dataset = dataset.map(lambda rows: augment.as_float(tf.gather(stored, rows)))
    return ahead(dataset)
