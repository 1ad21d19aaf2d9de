# SPDX-License-Identifier: Apache-2.0
"""AMDIM.

Bachman, Hjelm and Buchwalter (2019), Learning Representations by Maximizing Mutual
Information Across Views, arXiv:1906.00910; equations 3 to 8.

Deviations:
- The maps are those of any encoder. The authors' has convolutions without padding, so
  that a location sees a part of the image only.
- The networks before the products are those of Deep InfoMax (`heads.infomax_network`),
  whose scale takes the place of the authors' division by the root of the width.
- Views are flipped independently of each other, unless `flip` is 0, as it is by default
  of `cl-keras train`; the authors flip both alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, distribute, estimators, heads
from cl_keras.estimators.map_critics import on_locations
from cl_keras.methods.base import Outputs
from cl_keras.methods.parts import map_terms
from cl_keras.methods.views_model import ViewsModel, named
from cl_keras.taps import last_map, map_shape, tap

# Source and target of each term: 1 to 5, 1 to 7 and 5 to 5 in the paper.
TERMS = {
    "global_to_coarse": ("embedding", "coarse"),
    "global_to_fine": ("embedding", "fine"),
    "coarse_to_coarse": ("cell", "coarse"),
}
# Locations of the paper's coarse map.
_LEAST_LOCATIONS = 16


@keras.saving.register_keras_serializable(package="cl_keras")
class AMDIM(ViewsModel):
    """Finds the locations of one view of an image by features of the other view.

    Deep InfoMax between views, at several scales: the features of one view are compared
    with all locations of a coarse and of a fine map of the other view, and one location
    of the coarse map with all of the other view's. Those of other images are negatives.

    Args:
        encoder: Built functional model: (batch, H, W, C) -> (batch, features).
        projector: Built model: (batch, features) -> (batch, D). By default
            `heads.infomax_network`, as before the maps.
        local_layers: Names of the layers that give the coarse and the fine map. By
            default the last activation of at least 4x4 locations, and the last one of
            more.
        clip: Scores are between -clip and clip, by a tanh.
        penalty: Weight of the mean square of the scores before that.
        **kwargs: Of `keras.Model`.

    Raises:
        TypeError: If the encoder's layers cannot be reached.
        ValueError: If a number is out of range, parts do not fit, or there are not two
            layers of these names.

    Reference:
        Bachman et al. (2019), equations 3 (score), 4 to 6 (loss), 8 (sum over scales);
        section 3.6 for the clip and the penalty.

    Example:
    >>> model = AMDIM(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    head_builders = {"projector": heads.infomax_network}

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        local_layers: Sequence[str] | None = None,
        clip: float = 20.0,
        penalty: float = 0.05,
        **kwargs: Any,
    ) -> None:
        check.positive(clip=clip)
        check.not_negative(penalty=penalty)
        super().__init__(encoder, projector, **kwargs)
        coarse, fine = _layers(self.encoder, local_layers)
        self.clip, self.penalty = clip, penalty
        self.taps = tap(self.encoder, {"coarse": coarse, "fine": fine})
        width = self.projector.output_shape[-1]
        self.networks = {
            name: heads.infomax_network(
                map_shape(self.encoder, layer)[-1], width, f"{name}_network"
            )
            for name, layer in (("coarse", coarse), ("fine", fine))
        }
        self.fine_locations = math.prod(map_shape(self.encoder, fine)[:-1])
        # Its state is the same on all replicas, and so are the draws.
        self._seeds = keras.random.SeedGenerator()
        self._track(*TERMS)

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Encodes both views, as one batch like the authors' code.

        Args:
            inputs: Two views, (b, H, W, C).
            training: Whether batch statistics are in training mode, and cells drawn.

        Returns:
            Of each view `features` (b, F), `embedding` (b, D), the maps `coarse` and
            `fine` (b, L, D), and `cell` (b, D), a location of the coarse one.
        """
        tapped = self.taps(tf.concat(inputs, axis=0), training=training)
        values = {
            "features": tapped["features"],
            "embedding": self.projector(tapped["features"], training=training),
        }
        for name, network in self.networks.items():
            maps = map_terms.locations(tapped[name], None, self._seeds)
            values[name] = on_locations(network, maps, training)
        outputs: Outputs = {}
        for name, value in values.items():
            outputs |= named(name, tf.split(value, 2))
        cells = [self._cells(outputs[f"coarse{n}"], training) for n in (1, 2)]
        return outputs | named("cell", cells)

    def _cells(self, maps: tf.Tensor, training: bool) -> tf.Tensor:
        """A location of each map, at random in training, else the middle one."""
        count = maps.shape[1]
        if not training:
            return maps[:, count // 2]

        def draw(rows: tf.Tensor) -> tf.Tensor:
            return keras.random.randint((rows,), 0, count, seed=self._seeds)

        drawn = distribute.draw_rows(tf.shape(maps)[0], draw)
        return tf.gather(maps, drawn, axis=1, batch_dims=1)

    def objective(self, outputs: Outputs) -> Outputs:
        """The three terms, each the mean of both directions.

        With scores of 0 over B images and L locations each is log(1 + (B - 1) L).
        """

        def term(source: str, target: str) -> tf.Tensor:
            there = self._term(outputs[f"{source}1"], outputs[f"{target}2"])
            back = self._term(outputs[f"{source}2"], outputs[f"{target}1"])
            return (there + back) / 2.0

        return {name: term(*sides) for name, sides in TERMS.items()}

    def _term(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """InfoNCE of queries and the maps of all images, with the penalty."""
        positives, negatives, excluded = estimators.dot_scores(queries, keys)
        # One value an image; the other term is one for all of them.
        penalty = tf.reduce_mean(tf.square(negatives), axis=1)
        positives, negatives = (
            self.clip * tf.tanh(x / self.clip) for x in (positives, negatives)
        )
        loss = map_terms.loss("info_nce", positives, negatives, excluded)
        return loss + self.penalty * penalty

    def negatives_per_query(self, batch_size: int) -> int:
        """Locations of the other images on the fine map."""
        return (batch_size - 1) * self.fine_locations


def _layers(encoder: keras.Model, given: Sequence[str] | None) -> tuple[str, str]:
    if given is None:
        coarse = last_map(encoder, _LEAST_LOCATIONS)
        locations = math.prod(map_shape(encoder, coarse)[:-1])
        try:
            return coarse, last_map(encoder, locations + 1)
        except ValueError:  # There is one size of maps only.
            return coarse, coarse
    if isinstance(given, str) or len(given) != 2:
        raise ValueError(
            "`local_layers` must be two names of layers, of the coarse and of the fine "
            f"map. Received: {given!r}"
        )
    return given[0], given[1]
