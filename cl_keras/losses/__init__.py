# SPDX-License-Identifier: Apache-2.0
"""Contrastive losses: pure functions first, thin Keras losses second."""

from cl_keras.losses.info_nce import InfoNCE, info_nce
from cl_keras.losses.nt_xent import NTXent, nt_xent

__all__ = ["InfoNCE", "NTXent", "info_nce", "nt_xent"]
