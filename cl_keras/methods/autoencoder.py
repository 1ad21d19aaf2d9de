# SPDX-License-Identifier: Apache-2.0
"""Autoencoder and denoising autoencoder: the generative baselines.

Hinton and Salakhutdinov (2006), Reducing the Dimensionality of Data with Neural
Networks, doi:10.1126/science.1127647; Vincent, Larochelle, Bengio and Manzagol
(2008), Extracting and Composing Robust Features with Denoising Autoencoders,
doi:10.1145/1390156.1390294. They learn to rebuild the image where the other methods
learn to tell it apart, with the same encoder.

Deviations: trained from end to end, not layer by layer (as restricted Boltzmann
machines in 2006, as denoising autoencoders in 2008); convolutions; squared error in
place of cross-entropy, which is the 2006 paper's and section 2.2 of the 2008 paper's
choice for real values. Masking draws each pixel by itself, all its colours together,
where the 2008 paper draws a fixed number of components; Gaussian corruption is that of
Vincent et al. (2010), Stacked Denoising Autoencoders, JMLR 11, section 3.2.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

from cl_keras import check, distribute, heads
from cl_keras.methods.base import Batch, ContrastiveModel, Outputs
from cl_keras.methods.batches import single_input
from cl_keras.specification import input_shape, output_shape

Corruption = Literal["gaussian", "mask"]
CORRUPTIONS = ("gaussian", "mask")


@keras.saving.register_keras_serializable(package="cl_keras")
class Autoencoder(ContrastiveModel):
    """Rebuilds each image from its features.

    A batch is `images`, `(images,)` or `(images, labels)`, float32 in [0, 1]; labels
    are dropped. Beside the loss, `explained_variance` is reported: the share of the
    variance of the batch's pixels around their mean image that the reconstruction
    explains, 0 for the mean image itself and 1 for a perfect copy.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        decoder: Built model: (batch, features) -> (batch, H, W, C), used in training
            only. By default `heads.image_decoder`.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If the encoder takes no images of known size or the decoder does
            not fit it.

    Reference:
        Hinton and Salakhutdinov (2006), doi:10.1126/science.1127647.

    Example:
    >>> encoder = encoders.compact_resnet((32, 32, 3), width=4, blocks=1)
    >>> model = Autoencoder(encoder)
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> history = model.fit(data.one_view(images, 64), verbose=0)
    >>> sorted(history.history)
    ['explained_variance', 'loss']
    """

    head_builders = {"decoder": heads.image_decoder}
    undivided_because = (
        "no image is compared with others, so small batches and the optimizer's "
        "`gradient_accumulation_steps` train alike"
    )

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model | None = None, **kwargs: Any
    ) -> None:
        super().__init__(encoder, **kwargs)
        encoder = self.encoder
        features = output_shape(encoder)[-1]
        shape = _image_shape(encoder)
        self.decoder = decoder or heads.image_decoder(features, shape)
        if not self.decoder.built:
            self.decoder.build((None, features))
        _check_decoder(self.decoder, features, shape)
        self._track("explained_variance")
        self.built = True

    def unpack(self, data: Batch) -> tf.Tensor:
        """Takes the images out of a batch."""
        maker = "`cl_keras.data.one_view`"
        return single_input(type(self).__name__, data, self.encoder, "images", maker)

    def forward(self, inputs: tf.Tensor, training: bool) -> Outputs:
        """Encodes and decodes the images."""
        return self._rebuild(inputs, inputs, training)

    def _rebuild(self, images: tf.Tensor, seen: tf.Tensor, training: bool) -> Outputs:
        features = self.encoder(seen, training=training)
        rebuilt = self.decoder(features, training=training)
        return {"images": images, "features": features, "reconstruction": rebuilt}

    def objective(self, outputs: Outputs) -> Outputs:
        """Squared error of each image, averaged over its pixels and channels."""
        error = outputs["images"] - tf.cast(outputs["reconstruction"], tf.float32)
        return {"squared_error": tf.reduce_mean(tf.square(error), axis=[1, 2, 3])}

    def diagnostics(self, outputs: Outputs) -> Outputs:
        """Computes the share of the global batch's variance that is explained."""
        images = outputs["images"]
        count = distribute.all_sum(tf.cast(tf.shape(images)[0], tf.float32))
        mean = distribute.all_sum(tf.reduce_sum(images, axis=0)) / count
        variance = distribute.all_sum(tf.reduce_sum(tf.square(images - mean)))
        error = images - tf.cast(outputs["reconstruction"], tf.float32)
        residual = distribute.all_sum(tf.reduce_sum(tf.square(error)))
        # Images that are all alike have no variance to explain.
        explained = tf.where(
            variance > 0, 1.0 - tf.math.divide_no_nan(residual, variance), 0.0
        )
        return {"explained_variance": explained}


@keras.saving.register_keras_serializable(package="cl_keras")
class DenoisingAutoencoder(Autoencoder):
    """Rebuilds each clean image from the features of a corrupted one.

    Images are corrupted in training only: `evaluate` rebuilds clean images, so that
    its numbers compare with those of `Autoencoder` and do not vary.

    Args:
        encoder: See `Autoencoder`.
        decoder: See `Autoencoder`.
        noise: Standard deviation of the Gaussian noise, on the scale where white is
            1; or the share of pixels that are masked.
        corruption: `"gaussian"` adds noise (values may leave [0, 1]); `"mask"` sets
            pixels to 0.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If the noise is out of range, the corruption unknown, or parts do
            not fit.

    Reference:
        Vincent et al. (2008), section 2.3, doi:10.1145/1390156.1390294.

    Example:
    >>> encoder = encoders.compact_resnet((32, 32, 3), width=4, blocks=1)
    >>> model = DenoisingAutoencoder(encoder, noise=0.5, corruption="mask")
    >>> round(float(tf.reduce_mean(model.corrupt(tf.ones((16, 32, 32, 3))))), 1)
    0.5
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model | None = None,
        noise: float = 0.25,
        corruption: Corruption = "gaussian",
        **kwargs: Any,
    ) -> None:
        check.one_of("corruption", corruption, CORRUPTIONS)
        # Written so that NaN fails too.
        if not noise >= 0 or (corruption == "mask" and not noise < 1):
            wanted = "in [0, 1)" if corruption == "mask" else "at least 0"
            raise ValueError(
                f"`noise` must be {wanted} for corruption={corruption!r}. "
                f"Received: noise={noise}"
            )
        super().__init__(encoder, decoder, **kwargs)
        self.noise = noise
        self.corruption = corruption
        self._seeds = keras.random.SeedGenerator()

    def forward(self, inputs: tf.Tensor, training: bool) -> Outputs:
        """Encodes the corrupted images and decodes towards the clean ones."""
        seen = self.corrupt(inputs) if training else inputs
        return self._rebuild(inputs, seen, training)

    def corrupt(self, images: tf.Tensor) -> tf.Tensor:
        """Corrupts a batch; each call draws anew.

        Args:
            images: (b, H, W, C) float32 in [0, 1].

        Returns:
            (b, H, W, C) float32.
        """
        rows, (*sides, channels) = tf.shape(images)[0], images.shape[1:]
        if self.corruption == "mask":
            drawn = distribute.draw_rows(
                rows, lambda n: keras.random.uniform([n, *sides, 1], seed=self._seeds)
            )
            return images * tf.cast(drawn >= self.noise, images.dtype)
        return images + self.noise * distribute.draw_rows(
            rows, lambda n: keras.random.normal([n, *sides, channels], seed=self._seeds)
        )


def _image_shape(encoder: keras.Model) -> tuple[int, int, int]:
    shape = input_shape(encoder)
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise ValueError(
            "`encoder` must take images of one size, shape (batch, H, W, C): they are "
            f"what the decoder rebuilds. Received: input shape {shape}"
        )
    return shape[1:]


def _check_decoder(
    decoder: keras.Model, features: int, shape: tuple[int, int, int]
) -> None:
    if decoder.input_shape[-1] != features or decoder.output_shape[1:] != shape:
        raise ValueError(
            f"`decoder` must map the encoder's {features} features to images of its "
            f"shape {shape}. Received: input shape {decoder.input_shape}, output shape "
            f"{decoder.output_shape}"
        )
