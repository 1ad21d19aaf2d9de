# SPDX-License-Identifier: Apache-2.0
"""Scores of an encoder; what cannot be computed is left out, with the reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable
from typing import Any

import keras
import numpy as np
from rich.console import Console

from cl_keras import evaluate, score_names
from cl_keras.evaluate.knn import features_array
from cl_keras.evaluate.measures import Measures, Options, flat, measures, remarks
from cl_keras.runs.jobs.labelled import LabelledData, Pair
from cl_keras.runs.stages import Stages
from cl_keras.score_names import BASELINES, INPUTS, RANDOM


def score(
    encoder: Any,
    labelled: LabelledData,
    metrics: Iterable[str],
    *,
    k: int,
    seed: int,
    baselines: Collection[str] = BASELINES,
    start: Any = None,
    stages: Stages | None = None,
) -> dict[str, Any]:
    """Scores an encoder beside where it started, random weights and the raw inputs."""
    metrics, stages = list(metrics), stages or Stages(Console(quiet=True))
    if reason := unscorable(labelled.labels):
        return {"left_out": dict.fromkeys(metrics, reason)}
    left_out: dict[str, str] = {}

    def features(name: str, text: str, make: Callable[[], Pair]) -> Pair | None:
        """Features that are finite; None, with the reason, if there are none."""
        with stages(f"scoring: features of {text}"):
            try:
                train, test = make()
                return features_array(text, train), features_array(text, test)
            except Exception as error:  # noqa: BLE001
                left_out[name] = why(error)
                return None

    trained = features("features", "the encoder", lambda: labelled.features(encoder))
    if trained is None:
        return {"left_out": dict.fromkeys(metrics, left_out["features"])}
    sets = {score_names.TRAINED: trained}
    if start is not None:
        begun = features("start", "the start", lambda: labelled.features(start))
        if begun is not None:
            sets[score_names.START] = begun
    if INPUTS in baselines:
        raw = features(INPUTS, "the raw inputs", labelled.raw)
        if raw is not None:
            sets[score_names.RAW] = raw
    if RANDOM in baselines and not isinstance(encoder, keras.Model):
        left_out[RANDOM] = (
            "a SavedModel has no architecture that can be built with new weights"
        )
    elif RANDOM in baselines:
        untrained = features(
            RANDOM,
            "random weights",
            lambda: labelled.features(evaluate.random_encoder(encoder, seed)),
        )
        if untrained is not None:
            sets[score_names.RANDOM_INIT] = untrained
    options = Options(k=k, seed=seed, copies=labelled.copies)
    scores: dict[str, Any] = {}
    found: Measures = {key: {} for key in sets}
    for metric in metrics:
        with stages(f"scoring: {metric}"):
            try:
                numbers = {
                    key: measures([metric], pair, labelled.labels, options)
                    for key, pair in sets.items()
                }
            except Exception as error:  # noqa: BLE001
                left_out[metric] = why(error)
                continue
        for key in sets:
            scores |= flat(numbers[key], key)
            found[key] |= numbers[key]
    scores |= remarks(found)
    return scores | ({"left_out": left_out} if left_out else {})


def unscorable(labels: Pair) -> str | None:
    """Says why no metric can be computed from labels, whatever the features."""
    train, test = (part[part >= 0] for part in map(np.asarray, labels))
    for name, part in (("training", train), ("test", test)):
        if not len(part):
            return f"no {name} example has a label"
    classes = np.unique(train)
    if len(classes) < 2:
        return "all labelled training examples are of one class"
    if not np.isin(test, classes).any():
        return "no test example is of a class that training examples have"
    return None


def known_only(labelled: LabelledData) -> LabelledData:
    """Leaves out the examples whose label is unknown, which is below 0."""
    kept = [np.flatnonzero(np.asarray(labels) >= 0) for labels in labelled.labels]
    if all(len(k) == len(x) for k, x in zip(kept, labelled.labels, strict=True)):
        return labelled

    def part(pair: Pair, copies: int = 1) -> Pair:
        blocks = np.split(pair[0], copies)
        train = np.concatenate([block[kept[0]] for block in blocks])
        return train, pair[1][kept[1]]

    return dataclasses.replace(
        labelled,
        features=lambda encoder: part(labelled.features(encoder), labelled.copies),
        raw=lambda: part(labelled.raw(), labelled.copies),
        labels=part(labelled.labels),
        inputs=None if labelled.inputs is None else part(labelled.inputs),
    )


def why(error: Exception) -> str:
    """The reason that an error gives: its kind only where it says little."""
    text = str(error)
    plain = isinstance(error, ValueError | ImportError | OSError) and text
    return text if plain else f"{type(error).__name__}: {text}"
