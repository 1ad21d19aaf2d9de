# SPDX-License-Identifier: Apache-2.0
"""Methods of graphs: of the nodes of one, or of sets of them."""

from __future__ import annotations

from typing import Any

from cl_keras.method_table.row import Method

# On one graph.
_NODES: dict[str, Any] = {
    "encoder": "gcn",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "weight_decay": 0.0,
}
# On sets of graphs.
_SETS: dict[str, Any] = {
    **_NODES,
    "encoder": "gin",
    "batch_size": 128,
    "epochs": 20,
    "settings": {
        "encoder.units": (32, 32, 32),
        "encoder.batch_norm": True,
        "encoder.concatenate": True,
    },
}

ROWS: dict[str, Method] = {
    "dgi": Method(
        title="Deep Graph Infomax",
        path="cl_keras.methods.deep_graph_infomax:DeepGraphInfomax",
        modalities=("graph",),
        paper="Veličković et al. 2019, arXiv:1809.10341",
        summary="tells a graph's nodes from those of a shuffled graph by its summary",
        views=1,
        defaults={**_NODES, "epochs": 10_000, "patience": 20},
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
            **_NODES,
            # Chosen on the validation nodes of Cora, and the rate; the paper's are 200
            # and 5e-4.
            "epochs": 300,
            "weight_decay": 1e-5,
            "settings": {"encoder.units": (256, 128), "encoder.activation": "relu"},
        },
    ),
    "cca_ssg": Method(
        title="CCA-SSG",
        path="cl_keras.methods.cca_ssg:CCASSG",
        modalities=("graph",),
        paper="Zhang et al. 2021, arXiv:2106.12484",
        summary="makes dimensions of a node's two views agree, and different ones not",
        views=1,
        defaults={
            **_NODES,
            "epochs": 50,
            "settings": {
                "encoder.units": (512, 512),
                "encoder.activation": "relu",
                "encoder.last_activation": "linear",
            },
        },
    ),
    "bgrl": Method(
        title="BGRL",
        path="cl_keras.methods.bgrl:BGRL",
        modalities=("graph",),
        paper="Thakoor et al. 2022, arXiv:2102.06514",
        summary="predicts what a slowly following network makes of a node's other view",
        views=1,
        needs=("total_steps",),
        defaults={
            "encoder": "gcn",
            "epochs": 500,
            "learning_rate": 5e-4,
            "warmup_epochs": 50.0,
            "weight_decay": 1e-5,
            "settings": {"encoder.units": (512, 256), "encoder.batch_norm": True},
        },
    ),
    "ggd": Method(
        title="GGD",
        path="cl_keras.methods.ggd:GGD",
        modalities=("graph",),
        paper="Zheng et al. 2022, arXiv:2206.01535",
        summary="tells a graph's nodes from those of a shuffled graph by their sums",
        views=1,
        defaults={**_NODES, "epochs": 500},
    ),
    "mvgrl": Method(
        title="MVGRL",
        path="cl_keras.methods.mvgrl:MVGRL",
        modalities=("graph",),
        paper="Hassani and Khasahmadi 2020, arXiv:2006.05582",
        summary="tells nodes from shuffled ones by the summary of the diffused graph",
        views=1,
        defaults={
            **_NODES,
            "encoder": "diffusion_gcn",
            "epochs": 3_000,
            "patience": 20,
        },
    ),
    "infograph": Method(
        title="InfoGraph",
        path="cl_keras.methods.infograph:InfoGraph",
        modalities=("graph",),
        paper="Sun et al. 2020, arXiv:1908.01000",
        summary="finds the nodes of a graph among those of all graphs of the batch",
        views=1,
        defaults=_SETS,
    ),
    "graphcl": Method(
        title="GraphCL",
        path="cl_keras.methods.graphcl:GraphCL",
        modalities=("graph",),
        paper="You et al. 2020, arXiv:2010.13902",
        summary="finds the other view of a graph among all graphs of the batch",
        views=1,
        defaults=_SETS,
    ),
}
