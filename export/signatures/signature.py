# SPDX-License-Identifier: Apache-2.0
"""What a signature of an exported encoder is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

Tensors = dict[str, tf.Tensor]
#: Names with `dtype` and `shape`, None for an open side, as manifests have them.
Facts = dict[str, dict[str, Any]]

STRINGS: dict[str, Any] = {"dtype": "string", "shape": [None]}
VALID: dict[str, Any] = {"dtype": "bool", "shape": [None]}


@dataclass(frozen=True)
class Signature:
    """A named function of tensors; `facts` are for the manifest's `input`."""

    name: str
    inputs: Facts
    outputs: Facts
    function: Callable[[Tensors], Tensors]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def traced(self) -> Any:
        """Returns the function with its inputs fixed, for `tf.saved_model.save`."""
        specs = {
            name: tf.TensorSpec(fact["shape"], fact["dtype"], name)
            for name, fact in self.inputs.items()
        }
        return tf.function(self.function, input_signature=[specs], autograph=False)

    def describe(self) -> dict[str, Facts]:
        """Describes inputs and outputs as manifests do."""
        return {"inputs": self.inputs, "outputs": self.outputs}
