# SPDX-License-Identifier: Apache-2.0
"""From a finished run to a zoo entry."""

from __future__ import annotations

import json
from pathlib import Path

from cl_keras import zoo
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.run_files import CONFIG_FILE, read_summary
from cl_keras.zoo.row import Row

SCORES = ("knn_accuracy", "linear_accuracy")


def entry_name(config: TrainConfig) -> str:
    """Names an entry `method_encoder_dataset`, from what a run was made of.

    Args:
        config: The run's configuration.

    Returns:
        The name.

    Example:
    >>> entry_name(TrainConfig("simclr", "digits", "run"))
    'simclr_compact_digits'
    """
    kind, _, path = config.data.partition(":")
    dataset = Path(path).name or kind
    encoder = config.encoder.removesuffix("_resnet").rpartition(":")[2]
    raw = f"{config.method}_{encoder}_{dataset}".lower()
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in raw)


def add_entry(
    run: Path,
    registry: Path,
    *,
    name: str | None = None,
    license_data: str = "unknown",
    overwrite: bool = False,
) -> Row:
    """Drafts a row and a card from a run, and copies its encoder beside them.

    Args:
        run: Folder of a finished run.
        registry: Registry directory; created if missing.
        name: Name of the entry; by default `method_encoder_dataset`.
        license_data: Licence of the training data.
        overwrite: Whether to replace an entry of that name.

    Returns:
        The row, as `zoo.info(name, registry=registry)` gives it from now on.

    Raises:
        FileNotFoundError: If the run is not finished.
        FileExistsError: If the entry exists and `overwrite` is false.
    """
    summary = read_summary(run)
    facts = json.loads((run / CONFIG_FILE).read_text())
    config = TrainConfig.load(run / CONFIG_FILE)
    baselines = {
        key: summary[key]
        for score in SCORES
        for key in (f"{score}_random_init", f"raw_{score}")
        if key in summary
    }
    return zoo.publish(
        run / ENCODER_FILE,
        summary["saved_model"],
        registry,
        name=name or entry_name(config),
        method=config.method,
        encoder=config.encoder,
        data=config.data,
        recipe=facts.get("command") or f"cl-keras train {config.method}",
        seed=config.seed,
        epochs=summary["epochs"],
        scores={key: summary[key] for key in SCORES if key in summary},
        baselines=baselines,
        license_data=license_data,
        overwrite=overwrite,
    )
