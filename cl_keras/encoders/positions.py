# SPDX-License-Identifier: Apache-2.0
"""Positions of patches, learned or fixed, for a grid of any size; the class token."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import initializers, layers, ops

from cl_keras import check

INTERPOLATIONS = ("timm", "dino")
# Of bicubic interpolation: as Pillow has it, and as OpenCV has it.
_SHARPNESS = {"timm": -0.5, "dino": -0.75}


@keras.saving.register_keras_serializable(package="cl_keras")
class Positions(layers.Layer):
    """Adds a vector for its place to each patch: (batch, H, W, D) to the same shape.

    The weights have the size of `grid`, whatever the size of the images: for other
    grids they are interpolated, so the same weights serve images of any size.

    Args:
        grid: Rows and columns of the weights.
        interpolation: Bicubic, `"timm"` (antialiased, as Pillow resizes) or `"dino"`
            (not antialiased, to a size of a tenth of a patch more).
        learned: Whether the vectors are trained; if not, they are sines and cosines.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: For an empty grid or an unknown interpolation.

    Example:
    >>> layer = Positions((2, 2))
    >>> layer(np.zeros((1, 3, 4, 8))).shape, layer.count_params()
    (TensorShape([1, 3, 4, 8]), 32)
    """

    def __init__(
        self,
        grid: tuple[int, int],
        *,
        interpolation: str = "timm",
        learned: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        rows, columns = grid
        check.at_least(1, rows=rows, columns=columns)
        check.one_of("interpolation", interpolation, INTERPOLATIONS)
        self.grid = (rows, columns)
        self.interpolation = interpolation
        self.learned = learned

    def build(self, shape: tuple) -> None:  # noqa: D102
        def fixed(shape: tuple, dtype: Any = None) -> Any:
            return ops.convert_to_tensor(sines_and_cosines(shape), dtype)

        self.embedding = self.add_weight(
            name="embedding",
            shape=(*self.grid, shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02)
            if self.learned
            else fixed,
            trainable=self.learned,
        )
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Adds the vectors of each place."""
        size = tuple(inputs.shape[1:3])
        vectors = self.embedding
        if size != self.grid:
            # Along one axis after the other, of which each is a product.
            for axis in (0, 1):
                matrix = cubic_matrix(self.grid[axis], size[axis], self.interpolation)
                vectors = ops.tensordot(
                    ops.convert_to_tensor(matrix, vectors.dtype),
                    vectors,
                    axes=[[1], [axis]],
                )
                vectors = vectors if axis == 0 else ops.transpose(vectors, (1, 0, 2))
        return inputs + vectors

    def compute_output_shape(self, shape: tuple) -> tuple:  # noqa: D102
        return shape

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        own = {name: getattr(self, name) for name in ("interpolation", "learned")}
        return {**super().get_config(), "grid": self.grid, **own}


@keras.saving.register_keras_serializable(package="cl_keras")
class ClassToken(layers.Layer):
    """Puts a learned vector in front: (batch, N, D) -> (batch, 1 + N, D).

    A class token with a position of its own is the sum of the two.

    Example:
    >>> ClassToken()(np.zeros((2, 3, 4))).shape
    TensorShape([2, 4, 4])
    """

    def build(self, shape: tuple) -> None:  # noqa: D102
        self.token = self.add_weight(
            name="token",
            shape=(1, 1, shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
        )
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Puts the vector in front of each example's."""
        token = ops.convert_to_tensor(self.token)
        token = ops.broadcast_to(token, (ops.shape(inputs)[0], 1, token.shape[-1]))
        return ops.concatenate([token, inputs], axis=1)

    def compute_output_shape(self, shape: tuple) -> tuple:  # noqa: D102
        return shape[0], None if shape[1] is None else shape[1] + 1, shape[2]


def sines_and_cosines(shape: tuple[int, int, int]) -> np.ndarray:
    """Positions by sines and cosines of the row and of the column, as MoCo v3's."""
    rows, columns, width = shape
    if width % 4:
        raise ValueError(
            "Fixed positions need a width that is a multiple of 4. Received: "
            f"width={width}"
        )
    rates = 10000.0 ** -(np.arange(width // 4) / (width // 4))
    row, column = np.mgrid[:rows, :columns][..., None] * rates
    parts = np.sin(row), np.cos(row), np.sin(column), np.cos(column)
    return np.concatenate(parts, axis=-1).astype(np.float32)


def cubic_matrix(old: int, new: int, interpolation: str) -> np.ndarray:
    """What bicubic interpolation of a line multiplies it with: (new, old) float32."""
    matrix = np.zeros((new, old))
    sharpness = _SHARPNESS[interpolation]
    if interpolation == "dino":
        # The authors' factor, against a rounding error: their issue 8.
        scale = old / (new + 0.1)
        for place in range(new):
            center = (place + 0.5) * scale - 0.5
            first = math.floor(center) - 1
            for source in range(first, first + 4):
                weight = _cubic(source - center, sharpness)
                matrix[place, min(max(source, 0), old - 1)] += weight
        return matrix.astype(np.float32)
    scale = old / new
    stretch = max(scale, 1.0)
    for place in range(new):
        center = (place + 0.5) * scale
        first = max(int(center - 2 * stretch + 0.5), 0)
        last = min(int(center + 2 * stretch + 0.5), old)
        for source in range(first, last):
            distance = (source - center + 0.5) / stretch
            matrix[place, source] = _cubic(distance, sharpness)
    return (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)


def _cubic(x: float, a: float) -> float:
    """The kernel of Keys (1981), by its sharpness `a`."""
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((x - 5) * x + 8) * x * a - 4 * a if x < 2 else 0.0
