# SPDX-License-Identifier: Apache-2.0
"""The table of methods: one row a method; README, command line and tests follow."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

from cl_keras.registry import unknown


@dataclasses.dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        title: The method's name as its paper writes it.
        path: Where the class is, `"module:Class"`.
        modalities: What it learns from: `"image"`, `"audio"` (any sequence),
            `"graph"`, `"pair"` (two inputs that belong together, an encoder each); the
            usual one first.
        paper: Authors, year and arXiv number.
        summary: One line: what it learns from.
        views: Random views of an example that a batch holds: 2, or 1 for the
            example as it is.
        view_maker: What makes them of images, in `cl_keras.augment`.
        needs: What a training must tell the method: `"total_steps"`.
        defaults: Settings of a training run that differ from the general ones.
        usual_steps: Optimizer steps of trainings that are known to have learnt, the
            shortest and the longest, with their data: `docs/results.md` and the zoo's
            cards have their scores, next to those of random weights.
    """

    title: str
    path: str
    modalities: tuple[str, ...]
    paper: str
    summary: str
    views: int = 2
    view_maker: str = "SimCLRImages"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    usual_steps: Mapping[int, str] = dataclasses.field(default_factory=dict)

    @property
    def model(self) -> type:
        """The method's class, imported on first use."""
        module, _, name = self.path.partition(":")
        return getattr(importlib.import_module(module), name)


METHODS: dict[str, Method] = {
    "simclr": Method(
        title="SimCLR",
        path="cl_keras.methods.simclr:SimCLR",
        modalities=("image",),
        paper="Chen et al. 2020, arXiv:2002.05709",
        summary="finds the other view of an image among all images of the batch",
        usual_steps={300: "digit scans", 39_000: "CIFAR-10"},
    ),
    "byol": Method(
        title="BYOL",
        path="cl_keras.methods.byol:BYOL",
        modalities=("image",),
        paper="Grill et al. 2020, arXiv:2006.07733",
        summary="predicts what a slowly following network makes of the other view",
        view_maker="BYOLImages",
        needs=("total_steps",),
    ),
    "moco": Method(
        title="MoCo v2",
        path="cl_keras.methods.moco:MoCo",
        modalities=("image",),
        paper="He et al. 2020, arXiv:1911.05722; Chen et al. 2020, arXiv:2003.04297",
        summary="finds the other view's key among a queue of past ones",
        defaults={"settings": {"augment.scale": (0.2, 1.0)}},
    ),
    "moco_v3": Method(
        title="MoCo v3",
        path="cl_keras.methods.moco:MoCoV3",
        modalities=("image",),
        paper="Chen et al. 2021, arXiv:2104.02057",
        summary="predicts the other view's key and finds it among all of the batch",
        view_maker="BYOLImages",
        needs=("total_steps",),
    ),
    "simsiam": Method(
        title="SimSiam",
        path="cl_keras.methods.simsiam:SimSiam",
        modalities=("image",),
        paper="Chen and He 2021, arXiv:2011.10566",
        summary="predicts the other view's embedding, which gets no gradient",
        defaults={"settings": {"augment.scale": (0.2, 1.0)}},
    ),
    "barlow_twins": Method(
        title="Barlow Twins",
        path="cl_keras.methods.barlow_twins:BarlowTwins",
        modalities=("image",),
        paper="Zbontar et al. 2021, arXiv:2103.03230",
        summary="makes the same dimensions of two views agree, and different ones not",
        view_maker="BYOLImages",
    ),
    "vicreg": Method(
        title="VICReg",
        path="cl_keras.methods.vicreg:VICReg",
        modalities=("image",),
        paper="Bardes et al. 2022, arXiv:2105.04906",
        summary="brings two views together while every dimension varies by itself",
        view_maker="BYOLImages",
    ),
    "nnclr": Method(
        title="NNCLR",
        path="cl_keras.methods.nnclr:NNCLR",
        modalities=("image",),
        paper="Dwibedi et al. 2021, arXiv:2104.14548",
        summary="finds the other view by the nearest past embedding of the first",
    ),
    "dcl": Method(
        title="DCL",
        path="cl_keras.methods.dcl:DCL",
        modalities=("image",),
        paper="Yeh et al. 2022, arXiv:2110.06848",
        summary="SimCLR without the positive in the denominator; DCLW with sigma=0.5",
    ),
    "clip": Method(
        title="CLIP",
        path="cl_keras.methods.clip:CLIP",
        modalities=("pair",),
        paper="Radford et al. 2021, arXiv:2103.00020",
        summary="finds the partner of each input of a pair among those of all pairs",
        views=1,
        defaults={"encoder": "vector_sequence", "learning_rate": 1e-3},
    ),
    "dim": Method(
        title="Deep InfoMax",
        path="cl_keras.methods.deep_infomax:DeepInfoMax",
        modalities=("image",),
        paper="Hjelm et al. 2018, arXiv:1808.06670",
        summary="finds the locations of an image that a code was made from",
        views=1,
        defaults={"encoder": "dim_conv", "batch_size": 128, "learning_rate": 5e-4},
        usual_steps={330: "digit scans", 3_120: "CIFAR-10"},
    ),
    "cpc": Method(
        title="CPC",
        path="cl_keras.methods.cpc:CPC",
        modalities=("audio", "image"),
        paper="van den Oord et al. 2018, arXiv:1807.03748",
        summary="predicts what comes steps ahead and finds it among other moments",
        views=1,
        defaults={"encoder": "audio_conv", "batch_size": 64, "learning_rate": 1e-3},
        usual_steps={1_260: "spoken digits", 300_000: "LibriSpeech"},
    ),
    "dgi": Method(
        title="Deep Graph Infomax",
        path="cl_keras.methods.deep_graph_infomax:DeepGraphInfomax",
        modalities=("graph",),
        paper="Veličković et al. 2019, arXiv:1809.10341",
        summary="tells a graph's nodes from those of a shuffled graph by its summary",
        views=1,
        defaults={
            "encoder": "gcn",
            "epochs": 10_000,
            "patience": 20,
            "learning_rate": 1e-3,
            "schedule": "constant",
            "weight_decay": 0.0,
        },
        usual_steps={156: "Citeseer", 162: "Cora"},
    ),
    "grace": Method(
        title="GRACE",
        path="cl_keras.methods.grace:GRACE",
        modalities=("graph",),
        paper="Zhu et al. 2020, arXiv:2006.04131",
        summary="finds a node's other view among all nodes of two views of a graph",
        views=1,
        defaults={
            "encoder": "gcn",
            # Chosen on the validation nodes of Cora; the paper's are 200 and 5e-4.
            "epochs": 300,
            "learning_rate": 1e-3,
            "schedule": "constant",
            "weight_decay": 1e-5,
            "settings": {"encoder.units": (256, 128), "encoder.activation": "relu"},
        },
    ),
    "autoencoder": Method(
        title="Autoencoder",
        path="cl_keras.methods.autoencoder:Autoencoder",
        modalities=("image",),
        paper="Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647",
        summary="the generative baseline: rebuilds an image from its features",
        views=1,
        usual_steps={330: "digit scans", 3_120: "CIFAR-10"},
    ),
    "denoising_autoencoder": Method(
        title="Denoising autoencoder",
        path="cl_keras.methods.autoencoder:DenoisingAutoencoder",
        modalities=("image",),
        paper="Vincent et al. 2008, doi:10.1145/1390156.1390294",
        summary="a generative baseline: rebuilds an image from a corrupted one",
        views=1,
        usual_steps={330: "digit scans"},
    ),
}


def get(name: str) -> Method:
    """Looks a method up.

    Args:
        name: A key of `METHODS`.

    Returns:
        Its row.

    Raises:
        ValueError: If there is no such method; near names are suggested.

    Example:
    >>> get("simclr").title
    'SimCLR'
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
