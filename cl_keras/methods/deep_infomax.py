# SPDX-License-Identifier: Apache-2.0
"""Deep InfoMax.

Hjelm, Fedorov, Lavoie-Marchildon, Grewal, Bachman, Trischler and Bengio (2018),
Learning Deep Representations by Mutual Information Estimation and Maximization,
arXiv:1808.06670; equations 4 to 8.

Deviations:
- An image's other locations are neither positives nor negatives of one another. The
  authors' code sets their scores to -10, which leaves L exp(-10) in each denominator
  of InfoNCE; here they are left out, so constant scores give log(1 + (N - 1) L).
- All terms are trained by one optimizer with the encoder; the discriminator of the
  prior sees codes without gradient, and the encoder a discriminator whose weights
  are fixed, so each still learns by its own term only.
- The global term's second encoder ends as the first does and goes through a network
  like the code's; the authors' ends in a linear layer in place of both.
- Networks of 512 units by default, where the paper has 2048, and the initial scale of
  their last layer (see `heads.infomax_network`).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
import tensorflow as tf

from cl_keras import distribute, estimators, heads, metrics
from cl_keras.methods.base import ContrastiveModel, Outputs
from cl_keras.methods.batches import single_input
from cl_keras.methods.taps import tap
from cl_keras.registry import unknown

Objective = Literal["info_nce", "jsd", "dv"]
OBJECTIVES = ("info_nce", "jsd", "dv")
CRITICS = ("dot", "concat")
# A map of the paper's encoder has 8x8 locations, the last of a ResNet 7x7.
_LEAST_LOCATIONS = 49


@keras.saving.register_keras_serializable(package="cl_keras")
class DeepInfoMax(ContrastiveModel):
    """Finds which locations of which image a code was made from.

    The encoder's features are the code. The local term compares the code of each
    image with every location of a map inside the encoder, its own (positives) and
    those of the other images (negatives); the global term compares it with what a
    second encoder makes of the whole map; the prior term pulls the codes' values,
    squashed to [0, 1], towards the uniform distribution. No augmentation is needed.

    A batch is images, or (images, labels); labels are dropped. Metrics: each term,
    weighted; the share of positives that score above all negatives of their code
    (`local_accuracy`, `global_accuracy`); `embedding_std` of the codes.

    Memory: the dot critic holds b * B * L scores of b images here, B images on all
    replicas and L locations: 4 MB for batches of 128 and 64 locations, which is less
    than the local networks' own values up to batches of `width`.

    Args:
        encoder: Built functional model: (batch, H, W, C) -> (batch, features).
        local_layer: Name of the layer whose output, (batch, ..., channels), is the map
            of local features. By default the last activation with a map of at least
            7x7: in `encoders.dim_conv`, on 32x32 images, `"conv2"`.
        objective: `"info_nce"` (best in the paper, wants many negatives), `"jsd"`
            (wants few) or `"dv"` (Donsker-Varadhan).
        local_weight: Of the local term; beta in the paper.
        global_weight: Of the global term; alpha in the paper.
        prior_weight: Of the prior term; gamma in the paper.
        critic: `"dot"`, a product of two networks, against all images of the global
            batch; or `"concat"`, a network of both, against `negatives` of them.
        width: Units of the critics' networks.
        negatives: Other images in the concat critic. They follow the image in the
            global batch, which is in random order.
        locations: Locations drawn at random for each training step, the same for
            all images; None takes all. The local networks' cost is in proportion.
        micro_batch: Images that are encoded at a time, for batches that do not fit
            in memory; see `ContrastiveModel`. With the dot critic, and without
            `locations`. What is left whole are the scores and `width` values a
            location; the networks are normalised over a part.
        **kwargs: Of `keras.Model`.

    Raises:
        TypeError: If the encoder's layers cannot be reached.
        ValueError: If a setting is out of range, no term has a weight, or there is
            no such layer.

    Reference:
        Hjelm et al. (2018), equations 4, 5 and 6 (objectives), 7 (prior), 8 (sum).

    Example:
    >>> model = DeepInfoMax(encoders.dim_conv(code=16), width=32)
    >>> model.local_layer
    'conv2'
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> history = model.fit(tf.random.uniform((8, 32, 32, 3)), batch_size=4, verbose=0)
    >>> sorted(history.history)
    ['embedding_std', 'local_accuracy', 'loss']
    """

    def __init__(
        self,
        encoder: keras.Model,
        local_layer: str | None = None,
        objective: Objective = "info_nce",
        local_weight: float = 1.0,
        global_weight: float = 0.0,
        prior_weight: float = 0.0,
        critic: Literal["dot", "concat"] = "dot",
        width: int = 512,
        negatives: int = 1,
        locations: int | None = None,
        micro_batch: int | None = None,
        **kwargs: Any,
    ) -> None:
        _check_settings(objective, critic, width, negatives)
        _check_weights(local_weight, global_weight, prior_weight)
        if micro_batch is not None:
            _check_divides(critic, locations)
        super().__init__(encoder, micro_batch=micro_batch, **kwargs)
        encoder = self.encoder
        self.local_layer = local_layer or _last_map(encoder)
        self.objective_name = objective
        self.local_weight = local_weight
        self.global_weight = global_weight
        self.prior_weight = prior_weight
        self.critic = critic
        self.width = width
        self.negatives = negatives
        self.locations = locations
        self.taps = tap(encoder, {"local": self.local_layer})
        self.map_shape = _map_shape(encoder, self.local_layer)
        count = math.prod(self.map_shape[:-1])
        if locations is not None and not 1 <= locations <= count:
            raise ValueError(
                f"`locations` must be from 1 to {count}, those of "
                f"{self.local_layer!r}. Received: locations={locations}"
            )
        # Its state is the same on all replicas, and so are the draws.
        self._seeds = keras.random.SeedGenerator()
        self._build_parts(encoder)
        parts = [*self._terms] + ["prior", "discriminator"] * bool(prior_weight)
        if len(parts) > 1:
            self._track(*parts)
        self._track(*(f"{term}_accuracy" for term in self._terms))
        self._track("embedding_std")
        self.built = True

    @property
    def _terms(self) -> dict[str, float]:
        """Weights of the terms that compare codes with maps, if they have one."""
        terms = {"local": self.local_weight, "global": self.global_weight}
        return {term: weight for term, weight in terms.items() if weight}

    def _build_parts(self, encoder: keras.Model) -> None:
        code = encoder.output_shape[-1]
        if self.global_weight:
            self.second_encoder = heads.copy_after(encoder, self.local_layer)
        for term in self._terms:
            channels = self.map_shape[-1] if term == "local" else code
            if self.critic == "dot":
                critic = estimators.DotMapCritic(
                    heads.infomax_network(code, self.width, "code_network"),
                    heads.infomax_network(channels, self.width, "map_network"),
                    name=f"{term}_critic",
                )
            else:
                critic = estimators.ConcatMapCritic(
                    self.width, negatives=self.negatives, name=f"{term}_critic"
                )
                critic.build((None, code), (None, None, channels))
            setattr(self, f"{term}_critic", critic)
        if self.prior_weight:
            self.prior = heads.PriorMatching()
            self.prior.build((None, code))

    def unpack(self, data: Any) -> tf.Tensor:
        """Takes the images out of a batch."""
        maker = "`cl_keras.data.one_view`"
        return single_input("Deep InfoMax", data, self.encoder, "images", maker)

    def encode(self, inputs: tf.Tensor, training: bool) -> Outputs:
        """Encodes each image for both sides of the critics.

        Args:
            inputs: (b, H, W, C) images.
            training: Whether batch statistics are in training mode, and `locations`
                drawn.

        Returns:
            `features` (b, D); for the local and the global term, as far as they are
            trained, `*_queries` (b, width) and `*_keys` (b, L, width) of the dot
            critic, or `*_maps` (b, L, C) for the other.
        """
        tapped = self.taps(inputs, training=training)
        codes = tapped["features"]
        outputs = {"features": codes}
        for term in self._terms:
            if term == "local":
                maps = self._locations(tapped["local"], training)
            else:
                whole = self.second_encoder(tapped["local"], training=training)
                maps = whole[:, tf.newaxis]
            if self.critic == "dot":
                critic = getattr(self, f"{term}_critic")
                queries, keys = critic.embed(codes, maps, training)
                outputs |= {f"{term}_queries": queries, f"{term}_keys": keys}
            else:
                outputs[f"{term}_maps"] = maps
        return outputs

    def relate(self, encoded: Outputs, training: bool) -> Outputs:
        """Scores codes against maps.

        Args:
            encoded: What `encode` returned.
            training: Not used.

        Returns:
            `features` (b, D); for each term `*_positives` (b, L), `*_negatives`
            (b, K) and `*_excluded` (b, K), as the critics give them; `samples`
            (b, D) of the prior.
        """
        codes = encoded["features"]
        outputs = {"features": codes}
        for term in self._terms:
            critic = getattr(self, f"{term}_critic")
            if self.critic == "dot":
                sides = encoded[f"{term}_queries"], encoded[f"{term}_keys"]
                scores = critic.score(*sides)
            else:
                scores = critic(codes, encoded[f"{term}_maps"], training=training)
            names = (
                f"{term}_{part}" for part in ("positives", "negatives", "excluded")
            )
            outputs |= dict(zip(names, scores, strict=True))
        if self.prior_weight:
            # Drawn for the global batch: the replicas' parts are one device's.
            rows = tf.shape(codes)[0]
            shape = (distribute.all_sum(rows), codes.shape[-1])
            start = distribute.row_offset(rows)
            samples = keras.random.uniform(shape, seed=self._seeds)
            outputs["samples"] = samples[start : start + rows]
        return outputs

    def _locations(self, maps: tf.Tensor, training: bool) -> tf.Tensor:
        """Maps as (b, L, C), L of all locations or those drawn for this step."""
        count, channels = math.prod(self.map_shape[:-1]), self.map_shape[-1]
        maps = tf.reshape(maps, [-1, count, channels])
        if not training or self.locations is None:
            return maps
        order = keras.random.shuffle(tf.range(count), seed=self._seeds)
        # Along the first axis: along another, the gradient of no rows fails.
        drawn = tf.gather(tf.transpose(maps, [1, 0, 2]), order[: self.locations])
        drawn = tf.transpose(drawn, [1, 0, 2])
        return tf.ensure_shape(drawn, [None, self.locations, channels])

    def objective(self, outputs: Outputs) -> Outputs:
        """The weighted terms.

        With scores of 0, InfoNCE over B images gives log(1 + (B - 1) L), JSD and DV
        give 0. JSD is at least -2 ln 2; DV is minus a bound of the information.
        """
        losses = {
            term: weight * self._contrast(outputs, term)
            for term, weight in self._terms.items()
        }
        if self.prior_weight:
            squashed = tf.sigmoid(tf.cast(outputs["features"], tf.float32))
            taken, told_apart = self.prior(squashed, outputs["samples"])
            losses["prior"] = self.prior_weight * taken
            losses["discriminator"] = told_apart
        return losses

    def _contrast(self, outputs: Outputs, term: str) -> tf.Tensor:
        positives = outputs[f"{term}_positives"]
        negatives, excluded = outputs[f"{term}_negatives"], outputs[f"{term}_excluded"]
        if self.objective_name == "jsd":
            # The authors' code adds 2 ln 2 to the paper's equation 4.
            bound = estimators.jsd(positives, negatives, excluded=excluded)
            return -bound - 2.0 * math.log(2.0)
        if self.objective_name == "dv":
            return -estimators.donsker_varadhan(positives, negatives, excluded=excluded)
        # Every code has as many negatives as the first, which another replica may have.
        counts = tf.math.count_nonzero(~excluded, axis=1, dtype=tf.float32)
        count = distribute.all_gather(counts)[0]
        bound = estimators.info_nce(positives, negatives, excluded=excluded)
        return tf.math.log1p(count) - bound

    def diagnostics(self, outputs: Outputs) -> Outputs:
        """Computes how often a positive scores above all negatives of its code."""
        values = {}
        for term in self._terms:
            negatives = outputs[f"{term}_negatives"]
            lowest = negatives.dtype.min
            rivals = tf.where(outputs[f"{term}_excluded"], lowest, negatives)
            best = tf.reduce_max(rivals, axis=1, keepdims=True)
            found = tf.cast(outputs[f"{term}_positives"] > best, tf.float32)
            share = distribute.replica_share(tf.reduce_mean(found, axis=1))
            values[f"{term}_accuracy"] = distribute.all_sum(share)
        codes = distribute.all_gather(outputs["features"])
        return values | {"embedding_std": metrics.embedding_std(codes)}

    def negatives_per_query(self, batch_size: int) -> int:
        """Locations of the other images that a code is compared with.

        Of the local term, if it is trained; the global term has one location.
        """
        images = batch_size - 1
        if self.critic == "concat":
            images = min(self.negatives, images)
        if not self.local_weight:
            return images
        return images * (self.locations or math.prod(self.map_shape[:-1]))


def _last_map(encoder: keras.Model) -> str:
    kinds = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU)
    for layer in reversed(encoder.layers):
        if isinstance(layer, kinds) and len(layer.output.shape) > 2:
            sides = layer.output.shape[1:-1]
            if None not in sides and math.prod(sides) >= _LEAST_LOCATIONS:
                return layer.name
    raise ValueError(
        f"{encoder.name} has no activation with a map of at least 7x7 locations: name "
        "one of its layers with `local_layer`. Its layers: "
        + ", ".join(layer.name for layer in encoder.layers)
    )


def _map_shape(encoder: keras.Model, name: str) -> tuple[int, ...]:
    shape = tuple(encoder.get_layer(name).output.shape[1:])
    if len(shape) < 2 or None in shape:
        raise ValueError(
            "`local_layer` must give a map of known size, (batch, ..., channels). "
            f"Received: local_layer={name!r} of output shape {(None, *shape)}"
        )
    return shape


def _check_settings(objective: str, critic: str, width: int, negatives: int) -> None:
    if objective not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)
    if critic not in CRITICS:
        raise unknown("critic", critic, CRITICS)
    for name, value in (("width", width), ("negatives", negatives)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")


def _check_divides(critic: str, locations: int | None) -> None:
    if critic == "concat":
        raise ValueError(
            "`micro_batch` needs critic='dot': the network of 'concat' sees pairs of "
            "images, and would keep those of the whole batch. Received: "
            "critic='concat'"
        )
    if locations is not None:
        raise ValueError(
            "`micro_batch` needs locations=None: locations are drawn while encoding, "
            f"and would differ from part to part. Received: locations={locations}"
        )


def _check_weights(*weights: float) -> None:
    # Written so that NaN fails too.
    if not all(weight >= 0 for weight in weights) or not any(weights[:2]):
        raise ValueError(
            "Weights must not be negative, and the local or the global term must "
            "have one. Received: local_weight, global_weight, prior_weight = "
            f"{weights}"
        )
