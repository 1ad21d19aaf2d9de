# SPDX-License-Identifier: Apache-2.0
"""Methods that look at an image as it is; the generative baselines among them."""

from __future__ import annotations

from cl_keras.method_table.row import Method

ROWS: dict[str, Method] = {
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
