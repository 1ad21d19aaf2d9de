# SPDX-License-Identifier: Apache-2.0
"""Methods: Keras models that train an encoder without labels."""

from cl_keras.methods.autoencoder import Autoencoder, DenoisingAutoencoder
from cl_keras.methods.barlow_twins import BarlowTwins
from cl_keras.methods.base import ContrastiveModel
from cl_keras.methods.byol import BYOL
from cl_keras.methods.clip import CLIP
from cl_keras.methods.cola import COLA
from cl_keras.methods.cpc import CPC
from cl_keras.methods.dcl import DCL
from cl_keras.methods.deep_graph_infomax import DeepGraphInfomax
from cl_keras.methods.deep_infomax import DeepInfoMax
from cl_keras.methods.grace import GRACE
from cl_keras.methods.graph_model import GraphModel
from cl_keras.methods.moco import MoCo, MoCoV3
from cl_keras.methods.nnclr import NNCLR
from cl_keras.methods.pair_model import PairModel
from cl_keras.methods.simclr import SimCLR
from cl_keras.methods.simsiam import SimSiam
from cl_keras.methods.table import METHODS, Method, get
from cl_keras.methods.vicreg import VICReg
from cl_keras.methods.views_model import ViewsModel

__all__ = [
    "BYOL",
    "CLIP",
    "COLA",
    "CPC",
    "GRACE",
    "METHODS",
    "Autoencoder",
    "BarlowTwins",
    "DCL",
    "MoCo",
    "MoCoV3",
    "NNCLR",
    "SimSiam",
    "VICReg",
    "ContrastiveModel",
    "DeepGraphInfomax",
    "DeepInfoMax",
    "DenoisingAutoencoder",
    "GraphModel",
    "Method",
    "PairModel",
    "SimCLR",
    "ViewsModel",
    "get",
]
