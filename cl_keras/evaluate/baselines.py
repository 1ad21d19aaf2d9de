# SPDX-License-Identifier: Apache-2.0
"""Scores of an encoder next to the same network untrained and to raw inputs."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import keras
import numpy as np

from cl_keras.evaluate.embedding import embed
from cl_keras.evaluate.measures import EXAMPLES, Measure, Options, Pair, measures
from cl_keras.evaluate.rebuilding import input_statistics, rebuilt
from cl_keras.labels import as_labels, one_numbering


class LabelledImages(Protocol):
    """What `scores` reads of a data set: uint8 `(N, H, W, C)` and labels `(N,)`."""

    @property
    def images(self) -> np.ndarray:
        """uint8 images, `(N, H, W, C)`."""

    @property
    def labels(self) -> np.ndarray | None:
        """Integer labels, `(N,)`."""


def scores(
    encoder: keras.Model,
    train: LabelledImages,
    test: LabelledImages,
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
        encoder: Maps float32 images in [0, 1], `(batch, H, W, C)`, to features.
        train: Images and labels of the kNN bank and of the probe's fit.
        test: Images and labels that are scored.
        k: Most neighbours in the kNN vote.
        temperature: Temperature of the kNN vote.
        seed: Draws the untrained weights and the probe's validation split.

    Returns:
        Accuracies from 0 to 1: `knn_accuracy` and `linear_accuracy` of the encoder,
        the same with `_random_init` for `random_encoder`, and with `raw_` in front
        for flattened pixels.

    Raises:
        ValueError: If labels are missing or the wrong number, there is one class
            only, or features are not finite.
        ImportError: If scikit-learn is not installed, with the pip line.

    Example:
    >>> from types import SimpleNamespace
    >>> images = np.repeat(np.uint8([0, 250]), 8).reshape(-1, 1, 1, 1)
    >>> data = SimpleNamespace(images=images, labels=np.repeat([0, 1], 8))
    >>> encoder = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Flatten()])
    >>> scores(encoder, data, data)["linear_accuracy"]
    1.0
    """
    return scores_beside(
        encoder,
        lambda model: (embed(model, train.images), embed(model, test.images)),
        (flat_pixels(train.images), flat_pixels(test.images)),
        _label_pair(train, test),
        k=k,
        temperature=temperature,
        seed=seed,
    )


def scores_beside(
    encoder: Any,
    features_of: Callable[[Any], Pair],
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
        metrics: Names out of `measures.METRICS`.
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
    metrics = list(metrics)
    options = Options(k, temperature, seed)
    found = {"{}": measures(metrics, features_of(encoder), labels, options)}
    if random_init:
        untrained = features_of(random_encoder(encoder, seed))
        found["{}_random_init"] = measures(metrics, untrained, labels, options)
    if raw is not None:
        found["raw_{}"] = measures(metrics, raw, labels, options)
    result: dict[str, Any] = {}
    for key, numbers in found.items():
        result |= flat(numbers, key, intervals=intervals)
    if intervals:
        said: dict[str, dict[str, str]] = {"intervals": {}, "chosen": {}}
        for name, number in found["{}"].items():
            if number.covers != EXAMPLES:
                said["intervals"][name] = number.covers
        for key, numbers in found.items():
            named = {key.format(name): number for name, number in numbers.items()}
            said["chosen"] |= {n: x.chosen for n, x in named.items() if x.chosen}
        result |= {name: texts for name, texts in said.items() if texts}
    return result


def flat_pixels(images: np.ndarray) -> np.ndarray:
    """The pixels of each image in a row: what stands for the raw input.

    As bytes where they are bytes: the cosine has no scale and the probe standardises,
    so dividing by 255 would change nothing but the memory.

    Args:
        images: `(n, H, W, C)`.

    Returns:
        `(n, H * W * C)`, of the same dtype.

    Example:
    >>> flat_pixels(np.zeros((2, 4, 4, 3), np.uint8)).shape
    (2, 48)
    """
    return np.reshape(images, (len(images), -1))


def flat(
    numbers: Mapping[str, Measure], key: str = "{}", *, intervals: bool = True
) -> dict[str, float]:
    """Numbers as a summary holds them.

    Args:
        numbers: Measures by name.
        key: What a name becomes, such as `"{}_random_init"`.
        intervals: Whether to add `_low` and `_high`, where an interval exists.

    Returns:
        Values by key.

    Example:
    >>> flat({"nmi": Measure(0.5, 0.4, 0.6)}, "raw_{}")
    {'raw_nmi': 0.5, 'raw_nmi_low': 0.4, 'raw_nmi_high': 0.6}
    """
    result = {}
    for name, number in numbers.items():
        name = key.format(name)
        result[name] = number.value
        if intervals and math.isfinite(number.low):
            result |= {f"{name}_low": number.low, f"{name}_high": number.high}
    return result


def random_encoder(encoder: keras.Model, seed: int = 0) -> keras.Model:
    """The same architecture with freshly drawn weights: what learning must beat.

    The copy is built from the encoder's config with every initialiser's seed drawn
    anew, so that weights differ even where the architecture fixes its seeds. Batch
    normalisation starts over too: in inference mode it has mean 0 and variance 1
    and hence passes values on unchanged. Adapted `Normalization` layers belong to
    the inputs, not to what was learnt, and keep their statistics.

    Args:
        encoder: Any encoder that Keras can build from its config. Not changed.
        seed: The same seed gives the same weights.

    Returns:
        A new model of the same architecture.

    Raises:
        ValueError: If the encoder cannot be built from its config.

    Example:
    >>> dense = keras.layers.Dense(2, kernel_initializer=keras.initializers.Ones())
    >>> encoder = keras.Sequential([keras.Input((3,)), dense])
    >>> random_encoder(encoder).count_params() == encoder.count_params()
    True
    """
    # Not the bare seed: after `keras.utils.set_random_seed(seed)` that stream has
    # initialised the encoder itself, and the copy would be equal to it.
    stream = f"random_encoder {seed}"
    draw = random.Random(stream)
    # Keras gives initialisers without a seed one from Python's own generator. It
    # gets its state back, so that scoring between epochs changes no training run.
    state = random.getstate()
    random.seed(stream)
    try:
        fresh = rebuilt(encoder, draw)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            "The random baseline needs an encoder that can be built from its config "
            f"(`get_config`, `from_config`). Received: {encoder.name}: {error}"
        ) from error
    finally:
        random.setstate(state)
    olds, news = input_statistics(encoder), input_statistics(fresh)
    for old, new in zip(olds, news, strict=True):
        new.set_weights(old.get_weights())
        new.finalize_state()
    return fresh


def _label_pair(train: LabelledImages, test: LabelledImages) -> Pair:
    """Labels of both sets under one numbering, which names tell where there are any."""
    found, names = [], []
    for name, data in (("train", train), ("test", test)):
        if data.labels is None:
            raise ValueError(f"Scores need labels. Received: {name}.labels=None")
        if len(data.labels) != len(data.images):
            raise ValueError(
                "Scores need one label an image. Received: "
                f"{len(data.images)} images and {len(data.labels)} labels in `{name}`"
            )
        known = getattr(data, "class_names", None)
        labels, known = as_labels(
            data.labels, len(data.images), "an image", names=known, what=f"`{name}`"
        )
        found.append(labels)
        names.append(known)
    one, two = names
    if one is not None and two is not None and one != two:
        found, _ = one_numbering(found, [one, two])
    return found[0], found[1]
