# SPDX-License-Identifier: Apache-2.0
"""Methods made for recordings and other sequences."""

from __future__ import annotations

from cl_keras.method_table.row import Method

ROWS: dict[str, Method] = {
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
    "cola": Method(
        title="COLA",
        path="cl_keras.methods.cola:COLA",
        modalities=("audio",),
        paper="Saeed et al. 2021, arXiv:2010.10915",
        summary="finds the other crop of a recording by a bilinear similarity",
        sequence_view_maker="AudioViews",
        sequence_view_options={"crop": 0.5, "gain": 0.0, "noise": 0.0, "mask": 0.0},
        defaults={"encoder": "mel_conv", "learning_rate": 1e-3, "batch_size": 64},
    ),
    "byol_a": Method(
        title="BYOL-A",
        path="cl_keras.methods.byol:BYOL",
        modalities=("audio",),
        paper="Niizumi et al. 2021, arXiv:2103.06695",
        summary="BYOL on mixed and stretched spectrograms of one stretch of sound",
        sequence_view_maker="AudioViews",
        sequence_view_options={"crop": 1.0, "gain": 0.0, "noise": 0.0, "mask": 0.0},
        needs=("total_steps",),
        defaults={
            "encoder": "mel_conv",
            "learning_rate": 1e-3,
            "batch_size": 64,
            "settings": {"encoder.mix": 0.4, "encoder.resize": True},
        },
    ),
}
