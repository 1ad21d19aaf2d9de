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

from cl_keras import check, distribute, heads, metrics
from cl_keras.methods.base import Batch, ContrastiveModel, Outputs
from cl_keras.methods.batches import single_input
from cl_keras.methods.parts import map_terms
from cl_keras.taps import last_map, map_shape, tap

Objective = Literal["info_nce", "jsd", "dv"]
OBJECTIVES = ("info_nce", "jsd", "dv")
SCORES = ("positives", "negatives", "excluded")
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
        check.one_of("objective", objective, OBJECTIVES)
        check.one_of("critic", critic, map_terms.CRITICS)
        check.at_least(1, width=width, negatives=negatives)
        check.not_negative(
            local_weight=local_weight,
            global_weight=global_weight,
            prior_weight=prior_weight,
        )
        terms = {"local": local_weight, "global": global_weight}
        if not any(terms.values()):
            raise ValueError(
                "The local or the global term must have a weight. "
                "Received: local_weight=0, global_weight=0"
            )
        if micro_batch is not None:
            map_terms.check_divides(critic, locations)
        super().__init__(encoder, micro_batch=micro_batch, **kwargs)
        encoder = self.encoder
        self.local_layer = local_layer or last_map(encoder, _LEAST_LOCATIONS)
        self.taps = tap(encoder, {"local": self.local_layer})
        self.map_shape = map_shape(encoder, self.local_layer)
        if locations is not None:
            check.between(1, math.prod(self.map_shape[:-1]), locations=locations)
        self.bound = objective
        self.terms = {term: weight for term, weight in terms.items() if weight}
        self.prior_weight = prior_weight
        self.negatives = negatives if critic == "concat" else None
        self.locations = locations
        # Its state is the same on all replicas, and so are the draws.
        self._seeds = keras.random.SeedGenerator()
        code = encoder.output_shape[-1]
        if global_weight:
            self.second_encoder = heads.copy_after(encoder, self.local_layer)
        for term in self.terms:
            channels = self.map_shape[-1] if term == "local" else code
            name = f"{term}_critic"
            sizes = (code, channels, width, negatives)
            setattr(self, name, map_terms.map_critic(critic, *sizes, name))
        if prior_weight:
            self.prior = heads.PriorMatching()
            self.prior.build((None, code))
        parts = [*self.terms] + ["prior", "discriminator"] * bool(prior_weight)
        self._track(*(parts if len(parts) > 1 else ()), "embedding_std")
        self._track(*(f"{term}_accuracy" for term in self.terms))
        self.built = True

    def unpack(self, data: Batch) -> tf.Tensor:
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
            trained, `*_queries` and `*_keys`, as the critic's `embed` gives them.
        """
        tapped = self.taps(inputs, training=training)
        codes, maps = tapped["features"], tapped["local"]
        outputs = {"features": codes}
        for term in self.terms:
            if term == "local":
                drawn = self.locations if training else None
                rows = map_terms.locations(maps, drawn, self._seeds)
            else:
                rows = self.second_encoder(maps, training=training)[:, tf.newaxis]
            sides = getattr(self, f"{term}_critic").embed(codes, rows, training)
            outputs |= _named(term, ("queries", "keys"), sides)
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
        for term in self.terms:
            sides = encoded[f"{term}_queries"], encoded[f"{term}_keys"]
            scores = getattr(self, f"{term}_critic").score(*sides)
            outputs |= _named(term, SCORES, scores)
        if self.prior_weight:
            outputs["samples"] = self.prior.samples(codes, self._seeds)
        return outputs

    def objective(self, outputs: Outputs) -> Outputs:
        """The weighted terms.

        With scores of 0, InfoNCE over B images gives log(1 + (B - 1) L), JSD and DV
        give 0. JSD is at least -2 ln 2; DV is minus a bound of the information.
        """
        losses = {
            term: weight * map_terms.loss(self.bound, *_scores(outputs, term))
            for term, weight in self.terms.items()
        }
        if self.prior_weight:
            squashed = tf.sigmoid(tf.cast(outputs["features"], tf.float32))
            taken, told_apart = self.prior(squashed, outputs["samples"])
            losses["prior"] = self.prior_weight * taken
            losses["discriminator"] = told_apart
        return losses

    def diagnostics(self, outputs: Outputs) -> Outputs:
        """Computes how often a positive scores above all negatives of its code."""
        values = {
            f"{term}_accuracy": map_terms.share_above(*_scores(outputs, term))
            for term in self.terms
        }
        codes = distribute.all_gather(outputs["features"])
        return values | {"embedding_std": metrics.embedding_std(codes)}

    def negatives_per_query(self, batch_size: int) -> int:
        """Locations of the other images that a code is compared with.

        Of the local term, if it is trained; the global term has one location.
        """
        images = batch_size - 1
        if self.negatives is not None:
            images = min(self.negatives, images)
        if "local" not in self.terms:
            return images
        return images * (self.locations or math.prod(self.map_shape[:-1]))


def _named(term: str, parts: tuple[str, ...], values: tuple[tf.Tensor, ...]) -> Outputs:
    return {f"{term}_{part}": x for part, x in zip(parts, values, strict=True)}


def _scores(outputs: Outputs, term: str) -> list[tf.Tensor]:
    return [outputs[f"{term}_{part}"] for part in SCORES]
