# SPDX-License-Identifier: Apache-2.0
"""Spoken words of speakers that neither training nor probe has heard, next to MFCCs.

    python benchmarks/new_speakers.py --folder recordings --test test \
        --runs runs/cpc_words runs/cola_words runs/byol_a_words --parts 6

`--folder` has the parts `train` and `--test`, of other speakers, as
`WORD_SPEAKER_ROUND.wav`. Fits a logistic regression on the words of `train` and tests
on the other part: on the encoder's features, means over the whole recording, and on
means of so many parts of its time; beside them random weights and MFCCs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import harness
import keras
import numpy as np

from cl_keras import data, encoders, evaluate

Features = Callable[[data.SequenceData, int], np.ndarray]
PATTERN = r"^(?P<word>[a-z]+)_(?P<speaker>\d+)_"


def mfcc(recordings: data.SequenceData, parts: int) -> np.ndarray:
    """Mean MFCCs of each of so many stretches of a recording, side by side."""
    rate = recordings.sample_rate
    cut = [np.array_split(wave, parts) for wave in recordings.sequences]
    stretches = zip(*cut, strict=True)
    return np.concatenate([evaluate.mean_mfcc(x, rate) for x in stretches], axis=1)


def means(
    encoder: keras.Model, recordings: data.SequenceData, parts: int
) -> np.ndarray:
    """The encoder's features, means of each of so many parts of a recording."""
    encoder = encoders.means_of_parts(encoder, parts)
    return evaluate.embed_sequences(encoder, recordings.sequences)


def main() -> None:
    options = {"folder": harness.REQUIRED, "test": "val", "parts": 6}
    args = harness.parse(__doc__, {**options, "runs": [harness.REQUIRED]})
    sets = [
        data.load_audio(Path(args.folder, part), pattern=PATTERN).labelled("word")
        for part in ("train", args.test)
    ]
    heard, new = ({name.split("_")[1] for name in part.ids} for part in sets)
    if heard & new:
        raise ValueError(f"Expected other speakers. Received: {heard & new} in both")

    def linear(train: np.ndarray, test: np.ndarray) -> float:
        labels = [part.labels for part in sets]
        score = evaluate.linear_probe(train, labels[0], test, labels[1], seed=0)
        return round(score, 4)

    def scores(name: str, features: Features) -> None:
        for parts in (1, args.parts):
            found = linear(*(features(part, parts) for part in sets))
            result.setdefault(name, {})[f"{parts} parts"] = found

    result: dict[str, dict[str, float]] = {}
    scores("mfcc", mfcc)
    statistics = [
        evaluate.mfcc_statistics(part.sequences, part.sample_rate) for part in sets
    ]
    result["mfcc_statistics"] = {"3 parts": linear(*statistics)}
    for run in args.runs:
        trained = keras.saving.load_model(Path(run, "encoder.keras"), compile=False)
        random = evaluate.random_encoder(trained, 0)
        # Statistics of the bands are of the inputs, not of what was learnt.
        bands = trained.get_layer("log_mel").get_weights()
        random.get_layer("log_mel").set_weights(bands)
        both = {"": trained, " random": random}
        for kind, encoder in both.items():
            scores(Path(run).name + kind, partial(means, encoder))
    harness.table(result)
    harness.emit(args, result)


if __name__ == "__main__":
    main()
