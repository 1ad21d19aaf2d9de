# SPDX-License-Identifier: Apache-2.0
"""Methods: Keras models that train an encoder without labels."""

from cl_keras.method_table import METHODS, Method, get
from cl_keras.methods.amdim import AMDIM
from cl_keras.methods.autoencoder import Autoencoder, DenoisingAutoencoder
from cl_keras.methods.barlow_twins import BarlowTwins
from cl_keras.methods.base import ContrastiveModel
from cl_keras.methods.bgrl import BGRL
from cl_keras.methods.byol import BYOL
from cl_keras.methods.cca_ssg import CCASSG
from cl_keras.methods.clip import CLIP
from cl_keras.methods.cmc import CMC
from cl_keras.methods.cola import COLA
from cl_keras.methods.cpc import CPC
from cl_keras.methods.dcl import DCL
from cl_keras.methods.deep_graph_infomax import DeepGraphInfomax
from cl_keras.methods.deep_infomax import DeepInfoMax
from cl_keras.methods.dino import DINO
from cl_keras.methods.emp_ssl import EMPSSL
from cl_keras.methods.ggd import GGD
from cl_keras.methods.grace import GRACE
from cl_keras.methods.graph_model import GraphModel
from cl_keras.methods.graph_views_model import GraphViewsModel
from cl_keras.methods.graphcl import GraphCL
from cl_keras.methods.infograph import InfoGraph
from cl_keras.methods.lejepa import LeJEPA
from cl_keras.methods.mmcr import MMCR
from cl_keras.methods.moco import MoCo, MoCoV3
from cl_keras.methods.mvgrl import MVGRL
from cl_keras.methods.nnclr import NNCLR
from cl_keras.methods.pair_model import PairModel
from cl_keras.methods.resa import ReSA
from cl_keras.methods.simclr import SimCLR
from cl_keras.methods.simsiam import FastSiam, SimSiam
from cl_keras.methods.supcon import SupCon
from cl_keras.methods.swav import SwAV
from cl_keras.methods.vicreg import VICReg
from cl_keras.methods.views_model import ViewsModel

__all__ = [
    "AMDIM",
    "BGRL",
    "BYOL",
    "CCASSG",
    "CLIP",
    "CMC",
    "COLA",
    "CPC",
    "GGD",
    "GRACE",
    "METHODS",
    "MMCR",
    "MVGRL",
    "Autoencoder",
    "BarlowTwins",
    "DCL",
    "DINO",
    "EMPSSL",
    "FastSiam",
    "LeJEPA",
    "MoCo",
    "MoCoV3",
    "NNCLR",
    "ReSA",
    "SimSiam",
    "SupCon",
    "SwAV",
    "VICReg",
    "ContrastiveModel",
    "DeepGraphInfomax",
    "DeepInfoMax",
    "DenoisingAutoencoder",
    "GraphCL",
    "GraphModel",
    "GraphViewsModel",
    "InfoGraph",
    "Method",
    "PairModel",
    "SimCLR",
    "ViewsModel",
    "get",
]
