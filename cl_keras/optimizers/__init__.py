# SPDX-License-Identifier: Apache-2.0
"""Optimizers and learning rates of the field's recipes, which can be saved."""

from cl_keras.optimizers.adamw import AdamW
from cl_keras.optimizers.lars import LARS
from cl_keras.optimizers.layer_decay import decay_rates
from cl_keras.optimizers.muon import Muon
from cl_keras.optimizers.paced import Paced
from cl_keras.optimizers.warmup_cosine import WarmupCosine, scaled_rate

__all__ = [
    "LARS",
    "AdamW",
    "Muon",
    "Paced",
    "WarmupCosine",
    "decay_rates",
    "scaled_rate",
]
