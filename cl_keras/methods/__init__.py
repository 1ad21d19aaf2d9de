# SPDX-License-Identifier: Apache-2.0
"""Methods: Keras models that train an encoder without labels."""

from cl_keras.methods.base import ContrastiveModel
from cl_keras.methods.joint_embedding import JointEmbeddingModel
from cl_keras.methods.simclr import SimCLR
from cl_keras.methods.table import METHODS, Method, get

__all__ = [
    "METHODS",
    "ContrastiveModel",
    "JointEmbeddingModel",
    "Method",
    "SimCLR",
    "get",
]
