# SPDX-License-Identifier: Apache-2.0
"""CLIP.

Radford, Kim, Hallacy, Ramesh, Goh et al. (2021), Learning Transferable Visual Models
From Natural Language Supervision, arXiv:2103.00020; figure 3 and section 2.5.

Deviation: embeddings are 128 wide by default, where the paper's are 512 and more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import distribute, heads, losses
from cl_keras.losses.similarity import check_temperature
from cl_keras.methods.base import Outputs
from cl_keras.methods.pair_model import PairModel

# Of 1 / temperature, by section 2.5.
LARGEST_SCALE = 100.0


@keras.saving.register_keras_serializable(package="cl_keras")
class CLIP(PairModel):
    """Finds the partner of each input among those of all pairs, in both directions.

    Inputs of any two kinds that belong together: images and sounds of one scene, two
    devices of one moment.

    Args:
        encoders: Two built models by name: (batch, ...) -> (batch, features).
        projectors: Built models by the same names, to embeddings of one width; by
            default one dense layer without bias each.
        temperature: The first one. It is trained, and stays at least 0.01.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If the temperature is not positive or parts do not fit.

    Reference:
        Radford et al. (2021), figure 3; section 2.5 for the temperature.

    Example:
    >>> model = CLIP({"phone": encoders.audio_conv(), "watch": encoders.audio_conv()})
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> moments = np.zeros((64, 4000), "float32")
    >>> history = model.fit(moments, moments, batch_size=32, verbose=0)
    >>> model.encoders["watch"](moments[:2]).shape
    TensorShape([2, 384])
    """

    head_builders = {
        "projector": partial(heads.projection_head, depth=1, last_norm=False)
    }

    def __init__(
        self,
        encoders: Mapping[str, keras.Model],
        projectors: Mapping[str, keras.Model] | None = None,
        temperature: float = 0.07,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        super().__init__(encoders, projectors, **kwargs)
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=(),
            initializer=keras.initializers.Constant(-math.log(temperature)),
            dtype="float32",
            autocast=False,
        )
        self._track("temperature")

    @property
    def temperature(self) -> tf.Tensor:
        """What it is now, a float32 scalar."""
        return tf.exp(-tf.convert_to_tensor(self.log_scale))

    def objective(self, outputs: Outputs) -> Outputs:
        """Mean of the InfoNCE losses of both directions."""
        first, second = outputs["embedding1"], outputs["embedding2"]
        there = losses.info_nce(first, second, self.temperature)
        back = losses.info_nce(second, first, self.temperature)
        return {"info_nce": (there + back) / 2.0}

    def after_update(self, outputs: Outputs) -> None:
        """Keeps the temperature from falling too far."""
        scale = tf.convert_to_tensor(self.log_scale)
        distribute.assign(self.log_scale, tf.minimum(scale, math.log(LARGEST_SCALE)))

    def diagnostics(self, outputs: Outputs) -> Outputs:
        """Adds the temperature."""
        return super().diagnostics(outputs) | {"temperature": self.temperature}

    def negatives_per_query(self, batch_size: int) -> int:
        """The partners of all other inputs."""
        return batch_size - 1
