# SPDX-License-Identifier: Apache-2.0
"""From strings to features: what the signatures that take files have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from cl_keras import artifact
from cl_keras.export.signatures.rows import masked
from cl_keras.export.signatures.signature import STRINGS, VALID, Signature, Tensors
from cl_keras.preprocessing.good_rows import good_rows


@dataclass(frozen=True)
class Reader:
    """How an encoder's examples are read, one by one, from strings of some name.

    `read` fails for a bad one. If the first side of `shape` is open, examples are
    encoded by themselves, as filled up to a common length their features would depend
    on their batch; those shorter than `least` get zeros at the end. `facts` are for the
    manifest's `input`.
    """

    name: str
    read: Callable[[tf.Tensor], tf.Tensor]
    encode: Callable[[tf.Tensor], tf.Tensor]
    shape: tuple[int | None, ...]
    features: int
    on_error: str
    least: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Traced once, for all signatures that read.
        spec = [tf.TensorSpec((), tf.string)]
        traced = tf.function(self.read, input_signature=spec, autograph=False)
        object.__setattr__(self, "read", traced)

    def unpacking(self, name: str, unpack: Callable[[tf.Tensor], tf.Tensor]) -> Reader:
        """Returns a reader of files that are packed in something else."""
        read = self.read
        return replace(self, name=name, read=lambda string: read(unpack(string)))

    def signature(
        self,
        name: str,
        outputs: Mapping[str, dict[str, Any]],
        finish: Callable[[tf.Tensor], Tensors],
        **facts: Any,
    ) -> Signature:
        """Builds a signature that takes these strings."""
        masks = self.on_error == "mask"

        def function(inputs: Tensors) -> Tensors:
            strings = inputs[self.name]
            if not masks:
                return finish(self._all(strings))
            features, valid = self._good(strings)
            return masked(finish(features), valid)

        described = dict(outputs) | ({artifact.VALID: VALID} if masks else {})
        return Signature(
            name, {self.name: STRINGS}, described, function, {**self.facts, **facts}
        )

    @property
    def _is_open(self) -> bool:
        return self.shape[0] is None

    def _all(self, strings: tf.Tensor) -> tf.Tensor:
        """Without tf.data, which not every server has."""
        if self._is_open:
            return self._one_by_one(
                lambda string: self._filled(self.read(string)), strings
            )
        spec = tf.TensorSpec(self.shape, tf.float32)
        return self.encode(tf.map_fn(self.read, strings, fn_output_signature=spec))

    def _good(self, strings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if not self._is_open:
            examples, valid = good_rows(strings, self.read)
            return self.encode(examples), valid

        def measured(string: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = self._filled(self.read(string))
            return example, tf.shape(example)[0]

        (examples, lengths), valid = good_rows(strings, measured)
        # Also where no row is good, and the longest has no length.
        examples = self._filled(examples, axis=1)
        lengths = tf.maximum(lengths, self.least)
        rows = tf.range(tf.size(lengths))
        return self._one_by_one(lambda i: examples[i, : lengths[i]], rows), valid

    def _one_by_one(
        self, example: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor
    ) -> tf.Tensor:
        spec = tf.TensorSpec((self.features,), tf.float32)
        return tf.map_fn(
            lambda row: self.encode(example(row)[tf.newaxis])[0],
            rows,
            fn_output_signature=spec,
        )

    def _filled(self, examples: tf.Tensor, axis: int = 0) -> tf.Tensor:
        missing = tf.maximum(self.least - tf.shape(examples)[axis], 0)
        paddings = [[0, 0]] * examples.shape.rank
        paddings[axis] = [0, missing]
        return tf.pad(examples, paddings)
