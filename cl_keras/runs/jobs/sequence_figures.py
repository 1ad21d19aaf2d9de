# SPDX-License-Identifier: Apache-2.0
"""The figures of a run on recordings and other sequences."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from cl_keras import evaluate
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.evaluate.sprites import spectrogram_images
from cl_keras.runs.figures import BANK, PAIRS, Figures, some, spread

# Recordings of which windows are shown, and the size of their spectrograms.
_SHOWN, _SIZE = 6, (72, 108)


def draw_sequences(
    run: Path,
    *,
    encoder: keras.Model,
    train: SequenceData,
    test: SequenceData,
    window: int,
    k: int = 200,
    seed: int = 0,
) -> None:
    """Writes the data of a run's figures into `run/figures`, for the report to draw.

    As `draw_plots` does for images; views are two windows of a recording, shown as
    spectrograms.
    """
    figures = Figures(run, "test_recording")
    figures.curves()
    rng = np.random.default_rng(seed)
    chosen = some(rng, len(test))
    shown = test.take(chosen)
    names = shown.class_names if isinstance(shown.class_names, tuple) else None
    labels = shown.labels if isinstance(shown.labels, np.ndarray) else None
    features = evaluate.embed_sequences(encoder, shown.sequences)
    figures.sprite("thumbnails", spectrogram_images(shown.sequences))

    some_pairs = spread(len(shown), PAIRS)
    pairs = [shown.sequences[row] for row in some_pairs]
    view1, view2 = ([_cut(rng, wave, window) for wave in pairs] for _ in range(2))
    seen = spread(len(pairs), _SHOWN)
    tiles = np.concatenate(
        [
            spectrogram_images([part[row] for row in seen], _SIZE)
            for part in (pairs, view1, view2)
        ]
    )
    figures.sprite("views", tiles, len(seen), ["recording", "window 1", "window 2"])
    lengths = [len(pairs[row]) / (shown.sample_rate or 1) for row in seen]
    table = zip(chosen[some_pairs][seen], lengths, strict=True)
    unit = "seconds" if shown.sample_rate else "steps"
    figures.table("views", ["test_recording", unit], table)
    kinds = ("two windows of one recording", "windows of different recordings")
    embedded = (
        evaluate.embed_sequences(encoder, view1),
        evaluate.embed_sequences(encoder, view2),
    )
    figures.pairs(features, embedded, kinds)

    untrained = evaluate.embed_sequences(
        evaluate.random_encoder(encoder, seed), shown.sequences
    )
    figures.features(chosen, features, untrained, labels, names, seed)
    if labels is not None and isinstance(train.labels, np.ndarray):
        bank = some(rng, len(train), BANK)
        voters = train.take(bank)
        figures.classes(
            (evaluate.embed_sequences(encoder, voters.sequences), train.labels[bank]),
            features,
            labels,
            names,
            k,
        )


def _cut(rng: np.random.Generator, wave: np.ndarray, window: int) -> np.ndarray:
    """A random window; of a shorter recording all there is."""
    start = int(rng.integers(max(len(wave) - window, 0) + 1))
    return wave[start : start + window]
