# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning: the whole encoder trained on with labels, beside one from scratch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.evaluate.embedding import NotFiniteError
from cl_keras.evaluate.few_labels import few_labels_of
from cl_keras.evaluate.label_arrays import classes_of, hits, labels_array
from cl_keras.preprocessing.pixel_scale import check_pixel_scale
from cl_keras.preprocessing.pixels import check_pixels
from cl_keras.rebuilding import random_encoder
from cl_keras.specification import only_output, takes_images
from cl_keras.untuned import untuned

_TEST_BATCH = 256


class FineTuning(NamedTuple):
    """Test accuracy after training with labels.

    Attributes:
        accuracy: Of the encoder given, trained on.
        accuracy_random_init: Of the same network trained from scratch on the same
            labels for as many steps: what pretraining must beat. None if it was left
            out.
        hits: `(m,)` bool, which test examples the first got right.
        hits_random_init: The same of the second, or None.
        labels: Training labels used.
    """

    accuracy: float
    accuracy_random_init: float | None
    hits: np.ndarray
    hits_random_init: np.ndarray | None
    labels: int


def fine_tune(
    encoder: keras.Model,
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    *,
    share: float = 1.0,
    epochs: int = 50,
    batch_size: int = 32,
    head_rate: float = 1e-2,
    encoder_rate: float = 1e-3,
    augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
    from_scratch: bool = True,
    seed: int = 0,
) -> FineTuning:
    """Trains a copy of an encoder with a linear classifier on it, end to end.

    Adam with a cosine to zero; the encoder takes smaller steps than the head, which
    begins at zero. The network from scratch is trained alike. The encoder given is
    never changed.

    Args:
        encoder: Maps float32 inputs, `(batch, ...)`, to features, `(batch, D)`.
        train_x: Training inputs, `(n, ...)`: uint8, scaled to [0, 1] in the model, or
            floats as the encoder takes them, of images in [0, 1].
        train_y: Their labels, `(n,)`, of at least two classes.
        test_x: Test inputs, `(m, ...)`.
        test_y: Their labels, `(m,)`.
        share: Share of the training labels used, the same number of each class; in
            (0, 1].
        epochs: Passes over the labelled examples.
        batch_size: Examples in a step; all there are if they are fewer.
        head_rate: Peak learning rate of the head.
        encoder_rate: Peak learning rate of the encoder.
        augment: Changes the inputs of each step at random: takes a batch of them and a
            seed of two integers, and gives floats as the encoder takes them, such as
            `augment.ImageView(32, scale=(0.5, 1.0), jitter=0.0)` of uint8 images. The
            network from scratch gains most.
        from_scratch: Whether to train the network from scratch too, which doubles the
            time.
        seed: Of the labels drawn, their order, `augment` and the random weights.

    Returns:
        Both accuracies, with the hits they are the mean of.

    Raises:
        TypeError: If the encoder is not a Keras model.
        ValueError: If it cannot be built from its config, inputs do not fit it or
            each other, there is one class only, or a number is out of range.
        NotFiniteError: If training diverges.

    Example:
    >>> x = np.repeat([[-1.0], [1.0]], 8, axis=0).astype("float32")
    >>> y = np.repeat([0, 1], 8)
    >>> encoder = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    >>> fine_tune(encoder, x, y, x, y, epochs=5).accuracy
    1.0

    Reference: Chen et al., "A Simple Framework for Contrastive Learning of Visual
    Representations", 2020, appendix B.5. Deviations: Adam in place of SGD with
    momentum, two learning rates in place of one, and crops and flips only by
    `augment`, so that the same code serves all kinds of inputs.
    """
    if not isinstance(encoder, keras.Model):
        raise TypeError(
            "Fine-tuning needs the Keras model: a SavedModel cannot be trained on. "
            f"Received: {type(encoder).__name__}"
        )
    train_x, test_x = _inputs(encoder, train_x, test_x)
    train_y = labels_array("train_y", train_y, len(train_x))
    test_y = labels_array("test_y", test_y, len(test_x))
    check.at_least(1, epochs=epochs, batch_size=batch_size)
    check.positive(head_rate=head_rate, encoder_rate=encoder_rate)
    rows = few_labels_of(train_y, share=share, seed=seed)
    classes, targets, _ = classes_of("train_y", train_y[rows], len(rows))
    if len(classes) < 2:
        raise ValueError(
            f"Fine-tuning needs at least two classes. Received: only {classes[0]}"
        )
    chosen = train_x[rows]
    batches, steps = _batches(chosen, targets, batch_size, epochs, augment, seed)

    def hits_of(weights: list[np.ndarray] | None) -> np.ndarray:
        copy = random_encoder(encoder, seed)
        if weights is not None:
            copy.set_weights(weights)
        copy.trainable = True
        model = _classifier(
            copy, chosen, len(classes), (head_rate, encoder_rate), epochs * steps
        )
        model.fit(
            batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0
        )
        return hits(classes[_logits(model, test_x).argmax(axis=1)], test_y)

    trained = hits_of(encoder.get_weights())
    random_init = hits_of(None) if from_scratch else None
    return FineTuning(
        float(trained.mean()),
        None if random_init is None else float(random_init.mean()),
        trained,
        random_init,
        len(rows),
    )


def _inputs(
    encoder: keras.Model, train_x: np.ndarray, test_x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Training and test inputs that fit the encoder and each other."""
    train_x, test_x = _checked("train_x", train_x), _checked("test_x", test_x)
    if takes_images(encoder):
        check_pixel_scale(encoder)
        for images in (train_x, test_x):
            check_pixels(images)
    if train_x.shape[1:] != test_x.shape[1:] or train_x.dtype != test_x.dtype:
        raise ValueError(
            "Training and test inputs must be of one shape and dtype. Received: "
            f"{train_x.shape[1:]} {train_x.dtype} and {test_x.shape[1:]} {test_x.dtype}"
        )
    return train_x, test_x


def _checked(name: str, values: np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim < 2 or not array.size:
        raise ValueError(
            f"`{name}` must be inputs of one shape, (n, ...), n at least 1. "
            f"Received: shape={array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise ValueError(
            f"`{name}` must be uint8 or floats. Received: dtype={array.dtype}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinity")
    return array.astype(np.float32, copy=False)


def _batches(
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    epochs: int,
    augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None,
    seed: int,
) -> tuple[tf.data.Dataset, int]:
    """All batches of all epochs, and how many an epoch has.

    The order comes from NumPy: that of `fit` and of tf.data also follows the global
    seed, and scores must not change with what ran before.
    """
    size = min(batch_size, len(x))
    steps = len(x) // size
    random = np.random.default_rng(seed)
    order = np.concatenate(
        [random.permutation(len(x))[: steps * size] for _ in range(epochs)]
    )
    with tf.device("CPU:0"):
        inputs, targets = tf.constant(x), tf.constant(y, tf.int32)
    rows = tf.data.Dataset.from_tensor_slices(order.reshape(-1, size)).enumerate()

    def batch(step: tf.Tensor, i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chosen = tf.gather(inputs, i)
        if augment is not None:
            seeds = tf.stack([tf.constant(seed, tf.int32), tf.cast(step, tf.int32)])
            chosen = augment(chosen, seeds)
        return _scaled(chosen), tf.gather(targets, i)

    return untuned(rows.map(batch)), steps


def _scaled(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, tf.float32) / 255.0 if x.dtype == tf.uint8 else x


def _classifier(
    encoder: keras.Model,
    x: np.ndarray,
    classes: int,
    rates: tuple[float, float],
    steps: int,
) -> keras.Model:
    """The encoder with a linear head, compiled with a learning rate for each."""
    inputs = keras.Input(x.shape[1:], dtype="float32")
    features = only_output(encoder(inputs))
    if len(features.shape) != 2:
        raise ValueError(
            "The encoder must give features of shape (batch, D). "
            f"Received: {tuple(features.shape)}"
        )
    head = keras.layers.Dense(classes, kernel_initializer="zeros", dtype="float32")
    model = keras.Model(inputs, head(features))
    of_head, of_encoder = (
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))
        for rate in rates
    )
    head_variables = {id(variable) for variable in head.trainable_variables}
    model.compile(
        keras.optimizers.MultiOptimizer(
            lambda variable: of_head if id(variable) in head_variables else of_encoder
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def _logits(model: keras.Model, x: np.ndarray) -> np.ndarray:
    # Not `predict`: each new model's would be traced, with a warning of TensorFlow.
    logits = np.concatenate(
        [
            model(_scaled(tf.constant(x[start : start + _TEST_BATCH])), training=False)
            for start in range(0, len(x), _TEST_BATCH)
        ]
    )
    if not np.isfinite(logits).all():
        raise NotFiniteError(
            "Fine-tuning diverged: the classifier gives NaN or infinity. Lower "
            "`encoder_rate` and `head_rate`."
        )
    return logits
