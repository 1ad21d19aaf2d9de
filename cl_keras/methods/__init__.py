# SPDX-License-Identifier: Apache-2.0
"""Methods: Keras models that train an encoder without labels."""

from cl_keras.methods.autoencoder import Autoencoder, DenoisingAutoencoder
from cl_keras.methods.base import ContrastiveModel
from cl_keras.methods.cpc import CPC
from cl_keras.methods.deep_graph_infomax import DeepGraphInfomax
from cl_keras.methods.deep_infomax import DeepInfoMax
from cl_keras.methods.joint_embedding import JointEmbeddingModel
from cl_keras.methods.simclr import SimCLR
from cl_keras.methods.table import METHODS, Method, get

__all__ = [
    "CPC",
    "METHODS",
    "Autoencoder",
    "ContrastiveModel",
    "DeepGraphInfomax",
    "DeepInfoMax",
    "DenoisingAutoencoder",
    "JointEmbeddingModel",
    "Method",
    "SimCLR",
    "get",
]
