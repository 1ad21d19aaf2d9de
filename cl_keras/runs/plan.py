# SPDX-License-Identifier: Apache-2.0
"""Chooses a training by its data, this machine and the time there is, without labels.

Every number that is not measured stands here, with where it is from. They were chosen
on two sets: 800 photographs of flowers and scikit-learn's digit scans.
"""

from __future__ import annotations

import math
import os
import time
from typing import Any

import cl_keras.method_table as methods
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.data_glance import Glance
from cl_keras.runs.pilot import Pilot
from cl_keras.runs.time_limit import TimeLimit

# A network that has learnt from photographs is ahead of what a new one learns in an
# hour: flowers, kNN 0.65 before any training; docs/results.md.
START = "zoo:simclr_compact_cifar10"
# Its projector, temperature and crops are of that training too.
START_SETTINGS = {"projector.weights": START, "temperature": 0.2}
VIEWS = {"augment.scale": [0.2, 1.0]}
# Scans and drawings have a direction and no colour; a small part says little of them.
GREY_VIEWS = {"augment.flip": 0.0, "augment.grayscale": 0.0, "augment.scale": [0.3, 1]}
# From the size that the network knows to three times that. Flowers before training: kNN
# 0.47 at 32 pixels, 0.58 at 48, 0.62 at 64, 0.65 at 96, 0.63 at 128.
SIZES = (96, 64, 48, 32)
# What a larger size must leave time for: size is worth more than length.
LEAST_EPOCHS = 3
# The longest trainings of the field.
MOST_EPOCHS = 1000
# Of the recipes; where images are few, six steps an epoch.
LARGEST_BATCH, SMALLEST_BATCH, STEPS_AN_EPOCH = 128, 16, 6
# The recipe of flowers; by the root of the batch, as Adam's steps have one size.
PRETRAINED_RATE = 1e-3
WARMUP = 0.1
# Bytes of a step for each pixel: 3.3 GB for 256 images of 96x96, docs/photographs.md.
BYTES_A_PIXEL = 1400
# The recipe of Arabic digits, and nearly that of the phone: what comes next is told
# from other moments of one recording, which all have the same speaker.
SEQUENCES: dict[str, Any] = {"negatives_from": "same_sequence", "negatives": 0}
SEQUENCE_BATCH, SEQUENCE_RATE = 32, 2e-3
# Of these, the defaults of the table are whole trainings: they are made no longer.
NODES, GRAPHS = "cca_ssg", "graphcl"
# What follows training, in times of the first step, which is Python and compilation
# too: evaluation and export; figures and report.
SCORING, DRAWING = 9.0, 4.0
# Features of all examples by the encoder, the start, random weights and the figures; a
# step is three passes of its views.
PASSES = 4
# Of the time for training alone; before it is less, figures are left out.
LEAST_SHARE = 0.35
# Against a machine that is slower after training.
MARGIN = 0.05


METHODS = {
    **{"colour": "simclr", "grey": "simclr", "recording": "cpc", "series": "cpc"},
    **{"node": NODES, "graph": GRAPHS},
}


def rule(method: str, seen: Glance, encoder: str = START) -> list[dict[str, Any]]:
    """What is chosen without a look at the clock; the best first, if there is time.

    Of another encoder than `START`, nothing is chosen that is of that one.
    """
    if seen.kind in ("recording", "series"):
        own = {"data.window": seen.window}
        if method != "cpc":
            return [{"settings": own}]
        encoder = "mel_sequence" if seen.kind == "recording" else "vector_sequence"
        settings = {**own, **SEQUENCES, "steps": 10 if seen.kind == "recording" else 8}
        batch = min(SEQUENCE_BATCH, 2 ** int(math.log2(max(seen.windows, 4) / 2)))
        sizes = {"batch_size": batch, "learning_rate": SEQUENCE_RATE}
        return [{**sizes, "encoder": encoder, "settings": settings}]
    row = methods.get(method)
    if seen.kind in ("node", "graph") or "encoder" in row.defaults:
        return [{}]
    fits = 2 ** int(math.log2(max(seen.count / STEPS_AN_EPOCH, 1)))
    batch = min(max(fits, SMALLEST_BATCH), LARGEST_BATCH)
    settings = dict(START_SETTINGS) if (method, encoder) == ("simclr", START) else {}
    if row.views == 2:
        settings |= GREY_VIEWS if seen.kind == "grey" else VIEWS
    if seen.kind == "grey":
        settings["data.channels"] = 3
    common: dict[str, Any] = {"encoder": encoder, "batch_size": batch}
    if encoder == START:
        rate = PRETRAINED_RATE * math.sqrt(batch / LARGEST_BATCH)
        common["learning_rate"] = rate
    sides = [size for size in SIZES if size <= seen.side] or [SIZES[-1]]
    return [
        {**common, "image_size": size, "settings": settings | _parts(batch, size)}
        for size in sides
    ]


def _parts(batch: int, size: int) -> dict[str, int]:
    """Smaller parts of a batch where it would fill half of the memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = memory / 2 / (BYTES_A_PIXEL * size**2)
    return {} if batch <= most else {"micro_batch": 2 ** int(math.log2(max(most, 2)))}


def step_seconds(config: TrainConfig, pilot: Pilot) -> float:
    """Of steps of images of another size, by their pixels."""
    sizes = [c.image_size or 1 for c in (config, pilot.config)]
    now, then = (size if isinstance(size, int) else math.prod(size) for size in sizes)
    return pilot.step_seconds * (now / then) ** (2 if isinstance(sizes[0], int) else 1)


def time_limit(
    config: TrainConfig,
    seen: Glance,
    pilot: Pilot,
    seconds: float,
    began: float,
    draw: bool,
) -> TimeLimit:
    """What is left for training: loading and scoring take their share."""
    start, views = pilot.trace_seconds, max(methods.get(config.method).views, 1)
    example = step_seconds(config, pilot) / (config.batch_size * views * 3)
    reserved = time.monotonic() - began + pilot.load_seconds
    reserved += MARGIN * seconds + SCORING * start + PASSES * seen.total * example
    left, least = seconds - reserved, LEAST_SHARE * seconds
    draw = draw and left - DRAWING * start >= least
    # Where it is less, the compilation was slow by chance, or scores are left out.
    training = max(left - DRAWING * start if draw else left, least)
    return TimeLimit(training, seconds, began, draw)
