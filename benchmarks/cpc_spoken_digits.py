# SPDX-License-Identifier: Apache-2.0
"""CPC on the Free Spoken Digit Dataset: who speaks, and which digit, next to MFCCs.

    cl-keras train --recipe cpc_conv_spoken_digits --epochs 30 --warmup-epochs 0 \
        --weight-decay 0 --out runs/cpc_digits
    python benchmarks/cpc_spoken_digits.py --run runs/cpc_digits

Fits a logistic regression on frozen features of the recordings trained on, the mean
context or the encoder's own features (mean context and mean latents), and tests on the
others: who speaks, which digit, and which digit with the speaker left out of the probe
(mean of six folds). Beside them the same of random weights, the mean MFCCs and 52
statistics of MFCCs, and by how many steps ahead CPC finds the right latents.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import harness
import numpy as np

from cl_keras import data, evaluate, runs

Parts = tuple[data.SequenceData, ...]


def probe(features: list[np.ndarray], parts: Parts, seed: int) -> dict[str, float]:
    """Accuracies of logistic regressions on (training, test) features."""

    def linear(kind: str, *rows: np.ndarray | slice) -> float:
        sets = [
            part
            for x, y, chosen in zip(features, parts, rows, strict=True)
            for part in (x[chosen], y.labels[kind][chosen])
        ]
        return evaluate.linear_probe(*sets, seed=seed)

    whole = slice(None), slice(None)
    train, test = (part.labels["speaker"] for part in parts)
    folds = [
        linear("digit", train != speaker, test == speaker)
        for speaker in range(len(parts[0].class_names["speaker"]))
    ]
    scores = {kind: linear(kind, *whole) for kind in ("speaker", "digit")}
    scores["digit_new_speaker"] = float(np.mean(folds))
    return {name: round(score, 4) for name, score in scores.items()}


def steps_ahead(model: Any, test: data.SequenceData, window: int) -> list[float]:
    windows = data.windows(test, window, 32, seed=0)
    metrics = model.evaluate(windows, verbose=0, return_dict=True)
    return [round(metrics[f"accuracy_{k}"], 4) for k in model.distances]


def main() -> None:
    args = harness.parse(__doc__, {"run": harness.REQUIRED})
    config = runs.TrainConfig.load(Path(args.run, "config.json"))
    model = runs.restore(Path(args.run, "checkpoints")).model
    seed, settings = config.seed, config.settings
    pattern = settings["data.pattern"]
    parts = data.load_sequence_splits(config.data, pattern=pattern)
    features = {
        name: [of(part.sequences, part.sample_rate) for part in parts]
        for name, of in (
            ("mfcc", evaluate.mean_mfcc),
            ("mfcc_statistics", evaluate.mfcc_statistics),
        )
    }
    # Features are the mean context, then the mean latents.
    context = slice(settings["encoder.context"])
    random = evaluate.random_encoder(model.encoder, seed)
    for name, encoder in (("cpc", model.encoder), ("random", random)):
        rows = [evaluate.embed_sequences(encoder, part.sequences) for part in parts]
        features[f"{name}_features"] = rows
        features[f"{name}_context"] = [part[:, context] for part in rows]
    result = {name: probe(rows, parts, seed) for name, rows in features.items()}
    harness.table(result)
    ahead = steps_ahead(model, parts[1], settings["data.window"])
    harness.table({"steps ahead": {"accuracy": ahead}})
    harness.emit(args, result | {"accuracy_by_steps_ahead": ahead})


if __name__ == "__main__":
    main()
