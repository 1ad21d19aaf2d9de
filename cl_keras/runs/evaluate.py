# SPDX-License-Identifier: Apache-2.0
"""Evaluates any encoder one may have: of a run, in a file, or of the zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from cl_keras import zoo
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.jobs.job import load_job
from cl_keras.runs.run_files import CONFIG_FILE


def evaluate(
    target: str,
    *,
    data_spec: str | None = None,
    test_spec: str | None = None,
    k: int | None = None,
    registry: str | None = None,
) -> dict[str, Any]:
    """Scores an encoder next to a random one and the raw inputs.

    Args:
        target: A run folder, a `.keras` file, or a name of the zoo.
        data_spec: Data string of the labelled training data. A run knows its own;
            so does an entry of the zoo.
        test_spec: Data string of the test data; see `data.load_splits`.
        k: Number of neighbours; by default the run's own, or 200.
        registry: Registry directory for zoo names.

    Returns:
        The scores, and what they were computed on.

    Raises:
        ValueError: If no data is named, or the data has no labels.

    Example:
    >>> evaluate("runs/demo")["knn_accuracy"]
    0.98...
    """
    encoder, known = load_encoder(target, registry)
    data_spec = data_spec or known.get("data")
    if data_spec is None:
        raise ValueError(f"Name the data to evaluate {target} on with --data.")
    if data_spec == known.get("data"):
        test_spec = test_spec or known.get("test_data")
    k = k or known.get("neighbors", 200)
    shape = encoder.input_shape
    is_image = isinstance(shape, tuple) and len(shape) == 4
    job = load_job(
        TrainConfig(
            known.get("method", ""),
            data_spec,
            out="",
            test_data=test_spec,
            # Images are made as large as the encoder takes them.
            image_size=shape[1] if is_image else None,
            seed=known.get("seed", 0),
            neighbors=k,
            settings=known.get("settings", {}),
        )
    )
    scores = job.scores(encoder)
    if not scores:
        raise ValueError(
            f"Evaluation needs labels, and {data_spec} has none: put the images of "
            "each class into a folder of its own."
        )
    return {"encoder": target, "data": data_spec, **job.facts(), "k": k} | scores


def load_encoder(
    target: str, registry: str | None = None
) -> tuple[keras.Model, dict[str, Any]]:
    """Loads an encoder with what is known of its data.

    Args:
        target: A run folder, a `.keras` file, or a name of the zoo.
        registry: Registry directory for zoo names.

    Returns:
        The encoder, and `method`, `data`, `test_data`, `seed`, `neighbors` and the
        `settings` of the data as far as they are known.
    """
    path = Path(target)
    if (path / CONFIG_FILE).is_file():
        config = TrainConfig.load(path / CONFIG_FILE)
        encoder = _load_file(path / ENCODER_FILE)
        names = ("method", "data", "test_data", "seed", "neighbors")
        settings = {f"data.{name}": x for name, x in config.part("data").items()}
        return encoder, {
            **{name: getattr(config, name) for name in names},
            "settings": settings,
        }
    if path.suffix == ".keras":
        return _load_file(path), {}
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder but not a run: {CONFIG_FILE} is missing there."
        )
    row = zoo.info(target, registry=registry)
    encoder = zoo.load(target, registry=registry)
    return encoder, {"data": row.data, "seed": row.seed}


def _load_file(path: Path) -> keras.Model:
    if not path.is_file():
        raise FileNotFoundError(f"No encoder at {path}. Has the run finished?")
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # A whole method is as good as its encoder.
    return getattr(model, "encoder", model)
