# SPDX-License-Identifier: Apache-2.0
"""Long sequences piece by piece, with the features that the whole would have.

Convolutions without padding see a piece of what they see of the whole, where the pieces
overlap by a frame; recurrent layers hand their states from piece to piece; means and
maxima over time are those of the pieces, put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

# Layers that treat each frame by itself, in inference mode.
_FRAMEWISE = (
    keras.layers.InputLayer,
    keras.layers.Identity,
    keras.layers.LayerNormalization,
    keras.layers.BatchNormalization,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Activation,
    keras.layers.Dropout,
    keras.layers.Rescaling,
)
# Those that do and may stand behind the convolutions only.
_OF_FRAMES = (
    *_FRAMEWISE,
    keras.layers.Dense,
    keras.layers.Concatenate,
    keras.layers.Add,
    keras.layers.Multiply,
)
_RECURRENT = (keras.layers.GRU, keras.layers.LSTM, keras.layers.SimpleRNN)
_POOLED = {
    keras.layers.GlobalAveragePooling1D: "mean",
    keras.layers.GlobalMaxPooling1D: "max",
}

Encode = Callable[[np.ndarray], np.ndarray]


class Front(NamedTuple):
    """The unpadded convolutions that an encoder begins with, one after the other."""

    #: Samples that one frame sees, and from one frame to the next.
    receptive_field: int = 1
    hop: int = 1
    #: All layers and operations up to the last convolution, and that one.
    layers: tuple[Any, ...] = ()
    last: keras.layers.Layer | None = None


def front(encoder: Any) -> Front:
    """Finds the convolutions that an encoder begins with."""
    begin = Front()
    # Of functional models with what is no layer, too.
    operations = getattr(encoder, "operations", encoder.layers)
    for number, layer in enumerate(operations, 1):
        if isinstance(layer, keras.layers.Conv1D):
            if layer.padding != "valid" or layer.dilation_rate != (1,):
                break
            field = begin.receptive_field + (layer.kernel_size[0] - 1) * begin.hop
            hop = begin.hop * layer.strides[0]
            begin = Front(field, hop, tuple(operations[:number]), layer)
        elif not _adds_channels(layer) and not (
            isinstance(layer, _FRAMEWISE) and _of_channels(layer)
        ):
            break
    if begin.last is None:
        return begin
    try:
        # Fails where anything goes past the convolutions.
        keras.Model(begin.last.output, encoder.outputs[0])
    except ValueError:
        return Front()
    return begin


def in_pieces(encoder: keras.Model, length: int) -> Encode | None:
    """Makes the function that encodes one long sequence in pieces."""
    begin = front(encoder)
    if begin.last is None:
        return None
    if isinstance(encoder, keras.Sequential):
        encoder = keras.Model(encoder.inputs, encoder.outputs[0])
    parts = _Parts(encoder, begin)
    if not parts.exact:
        first = _function(keras.Model(encoder.inputs[0], begin.last.output))
        rest = _function(keras.Model(begin.last.output, encoder.outputs[0]))

        def of_latents(sequence: np.ndarray) -> np.ndarray:
            latents = [first(x) for x in pieces(sequence, begin, length)]
            return rest(tf.concat(latents, axis=1))[0].numpy()

        return of_latents
    return lambda sequence: parts.encode(pieces(sequence, begin, length))


def pieces(
    sequence: np.ndarray, framing: Front | tuple[int, int], length: int
) -> Iterator[tf.Tensor]:
    """Cuts a sequence so that each whole frame is in one piece."""
    receptive_field, hop = framing[:2]
    frames = (len(sequence) - receptive_field) // hop + 1
    step = max((length - receptive_field) // hop + 1, 1)
    for start in range(0, frames, step):
        end = min(start + step, frames) - 1
        part = sequence[start * hop : end * hop + receptive_field]
        yield tf.constant(part, tf.float32)[tf.newaxis]


class _Parts:
    """An encoder taken apart: what runs over pieces, and what runs once."""

    def __init__(self, encoder: keras.Model, begin: Front) -> None:
        self.exact = True
        self._front = set(map(id, begin.layers))
        self._states: list[keras.KerasTensor] = []
        self._last: list[keras.KerasTensor] = []
        self._frames: list[keras.KerasTensor] = []
        self._results: list[keras.KerasTensor] = []
        self._kinds: list[str] = []
        self._twins: dict[int, tuple[Any, Any]] = {}
        whole = keras.models.clone_model(
            encoder, clone_function=lambda layer: layer, call_function=self._call
        )
        try:
            self._head = keras.Model(self._results, whole.outputs[0])
            step = keras.Model(
                [whole.inputs[0], *self._states], [*self._frames, *self._last]
            )
        except ValueError:  # No such result, or something goes past them.
            self.exact = False
            return
        self._step = _function(step, self._reduced)

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        result = layer(*args, **kwargs)
        # The same of a piece, where recurrent layers begin with the states given.
        given = keras.tree.map_structure(lambda x: self._twin(x), args)
        piece = None
        if id(layer) not in self._front:
            inputs = keras.tree.flatten(args)
            ranks = [len(getattr(x, "shape", ())) for x in inputs]
            kind = _POOLED.get(type(layer))
            if isinstance(layer, _RECURRENT) and self._can_go_on(layer, ranks, kwargs):
                piece = self._recurrent(layer, given[0])
                if not layer.return_sequences:
                    self._reduce("last", piece, result)
            elif kind and not layer.keepdims and layer.data_format == "channels_last":
                self._reduce(kind, given[0], result)
                piece = result
            elif max(ranks, default=0) > 2 and not (
                isinstance(layer, _OF_FRAMES) and _of_channels(layer)
            ):
                self.exact = False
        if piece is None and any(a is not b for a, b in zip(args, given, strict=True)):
            piece = layer(*given, **kwargs)
        if piece is not None:
            self._twins[id(result)] = (result, piece)
        return result

    def _twin(self, x: Any) -> Any:
        return self._twins.get(id(x), (x, x))[1]

    @staticmethod
    def _can_go_on(layer: Any, ranks: list[int], kwargs: dict[str, Any]) -> bool:
        special = layer.go_backwards or layer.stateful or layer.return_state
        return not special and ranks == [3] and not kwargs.get("initial_state")

    def _recurrent(self, layer: Any, x: keras.KerasTensor) -> keras.KerasTensor:
        """The same cell, with the state of the piece before."""
        sizes = keras.tree.flatten(layer.cell.state_size)
        given = [keras.Input((n,), dtype=layer.compute_dtype) for n in sizes]
        again = keras.layers.RNN(
            layer.cell,
            return_sequences=True,
            return_state=True,
            dtype=layer.dtype_policy,
        )
        frames, *last = again(x, initial_state=given)
        self._states += given
        self._last += last
        return frames

    def _reduce(self, kind: str, frames: Any, result: Any) -> None:
        self._kinds.append(kind)
        self._frames.append(frames)
        self._results.append(result)

    def _reduced(self, outputs: Any) -> list[tf.Tensor]:
        outputs = keras.tree.flatten(outputs)
        count = len(self._kinds)
        reduce: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
            "mean": lambda x: tf.reduce_sum(tf.cast(x, tf.float64), axis=1),
            "max": lambda x: tf.reduce_max(x, axis=1),
            "last": lambda x: x[:, -1],
        }
        values = [
            reduce[kind](x)
            for kind, x in zip(self._kinds, outputs[:count], strict=True)
        ]
        return [*values, tf.shape(outputs[0])[1], *outputs[count:]]

    def encode(self, made: Iterable[tf.Tensor]) -> np.ndarray:
        """Runs over the pieces, then once over what they add up to."""
        states = [tf.zeros((1, *x.shape[1:]), x.dtype) for x in self._states]
        count, frames = len(self._kinds), 0
        totals: list[Any] = [None] * count
        for piece in made:
            outputs = self._step([piece, *states] if states else piece)
            frames += int(outputs[count])
            states = outputs[count + 1 :]
            totals = [
                _joined(kind, total, value.numpy())
                for kind, total, value in zip(
                    self._kinds, totals, outputs[:count], strict=True
                )
            ]
        results = [
            tf.constant(total / frames if kind == "mean" else total, result.dtype)
            for kind, total, result in zip(
                self._kinds, totals, self._results, strict=True
            )
        ]
        features = self._head(results if count > 1 else results[0], training=False)
        return tf.cast(features, tf.float32)[0].numpy()


def _joined(kind: str, before: np.ndarray | None, value: np.ndarray) -> np.ndarray:
    if before is None or kind == "last":
        return value
    return before + value if kind == "mean" else np.maximum(before, value)


def _function(model: keras.Model, finish: Callable = lambda x: x) -> Callable:
    return tf.function(
        lambda inputs: finish(model(inputs, training=False)), reduce_retracing=True
    )


def _adds_channels(layer: Any) -> bool:
    """Whether an operation makes (batch, samples, 1) of (batch, samples)."""
    if isinstance(layer, keras.layers.Reshape):
        return tuple(layer.target_shape) == (-1, 1)
    return type(layer).__name__ == "ExpandDims" and layer.axis in (-1, 2)


def _of_channels(layer: keras.layers.Layer) -> bool:
    """Whether a layer that has an axis works along the channels, the last one."""
    axis = getattr(layer, "axis", -1)  # Keras makes it a list when it builds.
    return axis in (-1, 2, [-1], [2])
