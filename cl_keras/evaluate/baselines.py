# SPDX-License-Identifier: Apache-2.0
"""Scores of an encoder next to the same network untrained and to raw inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import keras
import numpy as np
import numpy.typing as npt

from cl_keras.evaluate.embedding import embed
from cl_keras.evaluate.measures import Options, Pair, flat, measures, remarks
from cl_keras.evaluate.sequences import embed_sequences, mfcc_statistics
from cl_keras.labels import as_labels, one_numbering
from cl_keras.rebuilding import random_encoder
from cl_keras.score_names import RANDOM_INIT, RAW, TRAINED

Encoder = TypeVar("Encoder")


class LabelledExamples(Protocol):
    """What `scores` reads of a data set, beside its examples.

    `images`, uint8 `(N, H, W, C)`; or `sequences`, waveforms `(samples,)` with their
    `sample_rate` or vector sequences `(time, channels)`.
    """

    @property
    def labels(self) -> npt.ArrayLike:
        """Integer labels, `(N,)`; of one kind, see `SequenceData.labelled`."""


def scores(
    encoder: keras.Model,
    train: LabelledExamples,
    test: LabelledExamples,
    *,
    k: int = 200,
    temperature: float = 0.1,
    seed: int = 0,
) -> dict[str, float]:
    """KNN and linear-probe accuracy of an encoder, beside what it must beat.

    Of each of the three, whether features are standardised, the number of neighbours
    and the probe's penalty are chosen on the training part. `evaluate.knn` is the vote
    with fixed settings.

    Args:
        encoder: Maps float32 images in [0, 1], `(batch, H, W, C)`, to features; or
            sequences of any length.
        train: Images, or sequences, and labels of the kNN bank and the probe's fit.
        test: Images, or sequences, and labels that are scored.
        k: Most neighbours in the kNN vote.
        temperature: Temperature of the kNN vote.
        seed: Draws the untrained weights and the probe's validation split.

    Returns:
        Accuracies from 0 to 1: `knn_accuracy` and `linear_accuracy` of the encoder,
        the same with `_random_init` for `random_encoder`, and with `raw_` in front
        for flattened pixels, or for statistics of waveforms (`mfcc_statistics`);
        other sequences have no raw form.

    Raises:
        ValueError: If labels are missing, of several kinds or the wrong number, there
            is one class only, or features are not finite.
        ImportError: If scikit-learn is not installed, with the pip line.

    Example:
    >>> from types import SimpleNamespace
    >>> images = np.repeat(np.uint8([0, 250]), 8).reshape(-1, 1, 1, 1)
    >>> data = SimpleNamespace(images=images, labels=np.repeat([0, 1], 8))
    >>> encoder = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Flatten()])
    >>> scores(encoder, data, data)["linear_accuracy"]
    1.0
    """
    labels = _label_pair(train, test)
    return scores_beside(
        encoder,
        lambda model: (_features(model, train), _features(model, test)),
        _raw(train, test),
        labels,
        k=k,
        temperature=temperature,
        seed=seed,
    )


def scores_beside(
    encoder: Encoder,
    features_of: Callable[[Encoder], Pair],
    raw: Pair | None,
    labels: Pair,
    *,
    k: int = 200,
    temperature: float = 0.1,
    seed: int = 0,
    metrics: Iterable[str] = ("knn", "linear"),
    intervals: bool = False,
    random_init: bool = True,
) -> dict[str, Any]:
    """The same scores, and others, for any kind of data.

    Args:
        encoder: The trained encoder: a Keras model, or without `random_init` anything
            that `features_of` takes.
        features_of: Gives an encoder's training and test features, `(n, D)` and
            `(m, D)`.
        raw: What stands for the inputs themselves, `(n, P)` and `(m, P)`; None leaves
            their scores out.
        labels: Integer labels, `(n,)` and `(m,)`.
        k: Most neighbours in the kNN vote.
        temperature: Temperature of the kNN vote.
        seed: Draws the untrained weights and the probe's validation split.
        metrics: Names out of `score_names.FEATURE_METRICS`.
        intervals: Whether to add the ends of each number's 95 % confidence interval,
            `<name>_low` and `<name>_high`; under `intervals` what they cover, where it
            is not other test examples; and under `chosen` the settings that were
            chosen on the training part.
        random_init: Whether to score the same network with fresh weights too.

    Returns:
        As `scores`, with the names of `measures.measures`.

    Raises:
        ValueError: If sizes do not agree, there is one class only, a metric is
            unknown, or features are not finite.
        ImportError: If scikit-learn is not installed, with the pip line.

    Example:
    >>> x, y = np.repeat([[-1.0], [1.0]], 8, axis=0), np.repeat([0, 1], 8)
    >>> encoder = keras.Sequential([keras.Input((1,)), keras.layers.Flatten()])
    >>> scores_beside(encoder, lambda model: (x, x), (x, x), (y, y))["knn_accuracy"]
    1.0
    """
    metrics, options = list(metrics), Options(k, temperature, seed)
    found = {TRAINED: measures(metrics, features_of(encoder), labels, options)}
    if random_init:
        untrained = features_of(random_encoder(encoder, seed))
        found[RANDOM_INIT] = measures(metrics, untrained, labels, options)
    if raw is not None:
        found[RAW] = measures(metrics, raw, labels, options)
    result: dict[str, Any] = {}
    for key, numbers in found.items():
        result |= flat(numbers, key, intervals=intervals)
    return result | (remarks(found) if intervals else {})


def flat_pixels(images: np.ndarray) -> np.ndarray:
    """The pixels of each image in a row: what stands for the raw input.

    As bytes where they are bytes: the cosine has no scale and the probe standardises,
    so dividing by 255 would change nothing but the memory.
    """
    return np.reshape(images, (len(images), -1))


def _examples(data: Any) -> Any:
    return data.sequences if hasattr(data, "sequences") else data.images


def _features(model: keras.Model, data: Any) -> np.ndarray:
    embed_all = embed_sequences if hasattr(data, "sequences") else embed
    return embed_all(model, _examples(data))


def _raw(train: Any, test: Any) -> Pair | None:
    if not hasattr(train, "sequences"):
        return flat_pixels(train.images), flat_pixels(test.images)
    rate = getattr(train, "sample_rate", None)
    if rate is None or np.ndim(train.sequences[0]) != 1:
        return None
    return mfcc_statistics(train.sequences, rate), mfcc_statistics(test.sequences, rate)


def _label_pair(train: Any, test: Any) -> Pair:
    """Labels of both sets under one numbering, which names tell where there are any."""
    parts, class_names = [], []
    for name, data in (("train", train), ("test", test)):
        if data.labels is None:
            raise ValueError(f"Scores need labels. Received: {name}.labels=None")
        if isinstance(data.labels, Mapping):
            raise ValueError(
                f"Scores need one kind of labels, such as {name}.labelled("
                f"{next(iter(data.labels))!r}). Received: {', '.join(data.labels)}"
            )
        count = len(_examples(data))
        if len(data.labels) != count:
            raise ValueError(
                "Scores need one label an example. Received: "
                f"{count} examples and {len(data.labels)} labels in `{name}`"
            )
        names = getattr(data, "class_names", None)
        labels, names = as_labels(data.labels, count, names=names, what=f"`{name}`")
        parts.append(labels)
        class_names.append(names)
    one, two = class_names
    if one is not None and two is not None and one != two:
        parts, _ = one_numbering(parts, [one, two])
    return parts[0], parts[1]
