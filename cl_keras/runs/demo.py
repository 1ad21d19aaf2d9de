# SPDX-License-Identifier: Apache-2.0
"""The whole way once: train, evaluate, draw, export, check, publish, load back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from cl_keras import data, evaluate, methods, zoo
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.encoder_names import load_encoder
from cl_keras.runs.entry import add_entry
from cl_keras.runs.run_files import write_summary
from cl_keras.runs.train import train

SCATTERED = "scattered_digits"
#: Labels are few where a method without labels is worth most.
METRICS = ("knn", "linear", "few_labels")


def demo_config(
    out: str,
    data_spec: str = SCATTERED,
    epochs: int | None = None,
    method: str = "simclr",
) -> TrainConfig:
    """The demo's run: a small encoder, a few minutes on two cores.

    Args:
        out: Run folder.
        data_spec: Data string of images with labels.
        epochs: Passes over them; None for those that suit the data.
        method: A method for images.

    Returns:
        The configuration.

    Raises:
        ValueError: If there is no such method, or it is not of images.

    Example:
    >>> demo_config("runs/demo").method
    'simclr'
    """
    row = methods.get(method)
    if "image" not in row.modalities:
        raise ValueError(
            "Expected a method for images; `cl-keras methods` lists them. Received: "
            f"{method}, which learns from {' and '.join(row.modalities)} data"
        )
    is_scattered = data_spec == SCATTERED
    given: dict[str, Any] = {"epochs": epochs or (60 if is_scattered else 30)}
    settings: dict[str, Any] = {}
    if row.modalities[0] != "image":  # CPC: its usual encoder is of recordings.
        given["encoder"] = "patch_grid"
    elif row.defaults.get("encoder", "compact_resnet") == "compact_resnet":
        settings["encoder.width"] = 16
    if method == "simclr":
        # Chosen on a fifth of the training scans; see docs/results.md.
        settings["temperature"] = 0.1 if is_scattered else 0.2
        given["learning_rate"] = 4e-3 if is_scattered else 2e-3
    return TrainConfig.for_method(
        method,
        data=data_spec,
        out=out,
        batch_size=128,
        # A class has about 140 scans: 200 neighbours would be mostly of others.
        neighbors=20,
        settings=settings,
        **given,
    )


def demo(
    config: TrainConfig, *, command: str = "", console: Console | None = None
) -> dict[str, Any]:
    """Runs the demo.

    Args:
        config: The run, usually `demo_config(...)`.
        command: The command line that asked for it.
        console: Where progress goes; by default standard error.

    Returns:
        The summary of `train`, with the entry's name and registry.

    Raises:
        RuntimeError: If the encoder that the zoo loads differs from the trained one.
    """
    console = console or Console(stderr=True)
    start = time.perf_counter()
    summary = train(config, command=command, console=console, metrics=METRICS)
    run = Path(config.out)
    row = add_entry(run, run / "zoo", overwrite=True)
    console.print(f"loading {row.name} back through the zoo", highlight=False)
    sample = data.load_splits(
        config.data, config.test_data, image_size=config.image_size
    )
    images = sample[1].images[:64]
    loaded = evaluate.embed(zoo.load(row.name, registry=run / "zoo"), images)
    trained = evaluate.embed(load_encoder(config.out)[0], images)
    difference = float(np.abs(loaded - trained).max())
    if not difference < 1e-5:
        raise RuntimeError(
            f"The zoo's {row.name} gives other features than the run's encoder: "
            f"they differ by {difference}."
        )
    summary |= {
        "zoo_entry": row.name,
        "zoo_registry": str(run / "zoo"),
        "seconds": round(time.perf_counter() - start, 1),
    }
    write_summary(run, summary)
    return summary
