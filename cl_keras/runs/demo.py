# SPDX-License-Identifier: Apache-2.0
"""The whole way once: train, evaluate, draw, export, check, publish, load back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from cl_keras import data, evaluate, zoo
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.encoder_names import load_encoder
from cl_keras.runs.entry import add_entry
from cl_keras.runs.run_files import write_summary
from cl_keras.runs.train import train


def demo_config(out: str, data_spec: str = "digits", epochs: int = 30) -> TrainConfig:
    """The demo's run: SimCLR with a small encoder, a minute or two on two cores."""
    return TrainConfig(
        method="simclr",
        data=data_spec,
        out=out,
        epochs=epochs,
        batch_size=128,
        # A class has about 140 images: 200 neighbours would be mostly of others.
        neighbors=20,
        settings={"temperature": 0.2, "encoder.width": 16},
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
    summary = train(config, command=command, console=console)
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
