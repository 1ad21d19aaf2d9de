# SPDX-License-Identifier: Apache-2.0
"""Critics between one vector an image and a map of vectors an image.

Each takes (b, D) codes and (b, L, C) maps of L locations, and gives the scores of
each code with the locations of its own image, `positives` (b, L); with those of other
images of all replicas, `negatives` (b, K); and which of the latter are of the own
image after all, `excluded` (b, K) bool. The functions of `estimators.bounds` take them
as they are.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, distribute
from cl_keras.estimators.critics import Concat
from cl_keras.losses.similarity import check_negatives

Scores = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
_ALONE = "Codes need at least two images in a batch: the others are the negatives."


def on_locations(network: keras.Model, maps: tf.Tensor, training: bool) -> tf.Tensor:
    """Applies a network of rows to each location of (b, L, C) maps."""
    length, channels = maps.shape[1:]
    rows = network(tf.reshape(maps, [-1, channels]), training=training)
    return tf.reshape(rows, [-1, length, rows.shape[-1]])


def dot_scores(queries: tf.Tensor, keys: tf.Tensor) -> Scores:
    """Multiplies each query with every location of all replicas.

    Args:
        queries: (b, width) tensor, one an image.
        keys: (b, L, width) tensor, of the same images.

    Returns:
        `(positives, negatives, excluded)`: (b, L), (b, B * L), (b, B * L).

    Raises:
        InvalidArgumentError: In a global batch of one image.

    Example:
    >>> [x.shape.as_list() for x in dot_scores(tf.ones((3, 4)), tf.ones((3, 5, 4)))]
    [[3, 5], [3, 15], [3, 15]]
    """
    length = keys.shape[1]
    keys = distribute.all_gather(keys)
    total = check_negatives(keys, _ALONE)
    scores = tf.matmul(
        queries, tf.reshape(keys, [-1, keys.shape[-1]]), transpose_b=True
    )
    own = distribute.row_numbers(queries)
    images = tf.reshape(scores, [tf.shape(queries)[0], total, length])
    positives = tf.gather(images, own, axis=1, batch_dims=1)
    image = tf.range(tf.shape(scores)[1]) // length
    return positives, scores, image == own[:, tf.newaxis]


@keras.saving.register_keras_serializable(package="cl_keras")
class DotMapCritic(keras.layers.Layer):
    """Encode and dot: products of what two networks make of code and location.

    Every code meets every location of the global batch, B images, at the price of
    one product: K is B * L, of which the own image's L are excluded.

    Args:
        code_network: Model: (rows, D) -> (rows, width).
        map_network: Model: (rows, C) -> (rows, width), applied to each location.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        codes: (b, D) tensor.
        maps: (b, L, C) tensor.
        training: Whether the networks are in training mode.

    Returns:
        `(positives, negatives, excluded)`: (b, L), (b, B * L), (b, B * L).

    Reference:
        Hjelm et al. (2018), Learning Deep Representations by Mutual Information
        Estimation and Maximization, appendix A.2, figure 8.

    Example:
    >>> same = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
    >>> critic = DotMapCritic(same, same)
    >>> [x.shape.as_list() for x in critic(tf.ones((3, 4)), tf.ones((3, 5, 4)))]
    [[3, 5], [3, 15], [3, 15]]
    """

    def __init__(
        self, code_network: keras.Model, map_network: keras.Model, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.code_network = code_network
        self.map_network = map_network
        self.built = True

    def call(  # noqa: D102
        self, codes: tf.Tensor, maps: tf.Tensor, training: bool = False
    ) -> Scores:
        return self.score(*self.embed(codes, maps, training))

    def embed(
        self, codes: tf.Tensor, maps: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Applies the networks: what depends on each image by itself.

        Args:
            codes: (b, D) tensor.
            maps: (b, L, C) tensor.
            training: Whether the networks are in training mode.

        Returns:
            Queries (b, width) and keys (b, L, width).
        """
        queries = self.code_network(codes, training=training)
        return queries, on_locations(self.map_network, maps, training)

    def score(self, queries: tf.Tensor, keys: tf.Tensor) -> Scores:
        """Compares queries with the keys of all replicas, as `dot_scores` does."""
        return dot_scores(queries, keys)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        networks = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("code_network", "map_network")
        }
        return {**super().get_config(), **networks}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DotMapCritic:  # noqa: D102
        names = ("code_network", "map_network")
        networks = {
            name: keras.saving.deserialize_keras_object(config[name]) for name in names
        }
        return cls(**config | networks)


@keras.saving.register_keras_serializable(package="cl_keras")
class ConcatMapCritic(Concat):
    """Concatenate and convolve: one network of code and location together.

    Its cost grows with the number of pairs, so a code meets few other images: those
    that follow its own in the global batch, which is in random order. K is
    `negatives` * L; in a batch too small for them an image meets itself again, and
    that is excluded.

    Args:
        hidden: Width of the hidden layers.
        depth: Number of hidden layers.
        negatives: Other images that a code meets.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        codes: (b, D) tensor.
        maps: (b, L, C) tensor.
        training: Not used.

    Returns:
        `(positives, negatives, excluded)`: (b, L), (b, K), (b, K).

    Raises:
        ValueError: If a number is not positive.

    Reference:
        Hjelm et al. (2018), appendix A.2, figure 7: two hidden layers of 512 units
        and one negative.

    Example:
    >>> critic = ConcatMapCritic(hidden=8, negatives=2)
    >>> [x.shape.as_list() for x in critic(tf.ones((3, 4)), tf.ones((3, 5, 6)))]
    [[3, 5], [3, 10], [3, 10]]
    """

    def __init__(
        self, hidden: int = 512, depth: int = 2, negatives: int = 1, **kwargs: Any
    ) -> None:
        check.at_least(1, negatives=negatives)
        super().__init__(hidden, depth, **kwargs)
        self.negatives = negatives

    def build(  # noqa: D102
        self, codes_shape: tuple[int | None, ...], maps_shape: tuple[int | None, ...]
    ) -> None:
        super().build(codes_shape, maps_shape)

    def call(  # noqa: D102
        self, codes: tf.Tensor, maps: tf.Tensor, training: bool = False
    ) -> Scores:
        return self.score(*self.embed(codes, maps, training))

    def embed(
        self, codes: tf.Tensor, maps: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns codes and maps as they are: the network sees pairs only."""
        return codes, maps

    def score(self, codes: tf.Tensor, maps: tf.Tensor) -> Scores:
        """Compares codes with the maps that they meet."""
        everyone = distribute.all_gather(maps)
        check_negatives(everyone, _ALONE)
        steps = tf.range(self.negatives + 1)
        places = distribute.row_numbers(codes)[:, tf.newaxis] + steps
        met = tf.gather(everyone, places % tf.shape(everyone)[0])
        scores = super().call(codes[:, tf.newaxis, tf.newaxis], met)
        met_locations = self.negatives * maps.shape[1]
        negatives = tf.reshape(scores[:, 1:], [tf.shape(codes)[0], met_locations])
        itself = tf.repeat(steps[1:] % tf.shape(everyone)[0] == 0, maps.shape[1])
        excluded = tf.broadcast_to(itself, tf.shape(negatives))
        return scores[:, 0], negatives, excluded

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "negatives": self.negatives}
