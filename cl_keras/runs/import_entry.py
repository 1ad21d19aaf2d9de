# SPDX-License-Identifier: Apache-2.0
"""From a published checkpoint to a zoo entry."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cl_keras import artifact, checkpoints, zoo
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs.checked_export import IN_THE_ENCODER, checked_export
from cl_keras.runs.evaluate import DEFAULT_METRICS, evaluate
from cl_keras.runs.renew import settings_of
from cl_keras.score_names import SCORES, baselines_of
from cl_keras.zoo.card import IMPORTED
from cl_keras.zoo.publish import check_new
from cl_keras.zoo.row import Row


def import_entry(
    checkpoint: str | os.PathLike[str],
    registry: str | os.PathLike[str],
    *,
    name: str,
    license_weights: str,
    license_data: str,
    source: str | None = None,
    image_size: int = 224,
    trained_on: str = "unknown",
    method: str | None = None,
    scaling: str | None = None,
    pooling: str | None = None,
    data: str | None = None,
    test_data: str | None = None,
    metrics: Iterable[str] | None = None,
    overwrite: bool = False,
) -> Row:
    """Makes an entry of a checkpoint that was published for PyTorch.

    The encoder takes images in [0, 1]: what its training did to pixels is part of it.
    It is exported with all signatures and checked before the registry is touched.

    Args:
        checkpoint: The file; see `checkpoints.open_checkpoint`.
        registry: Registry directory; created if missing.
        name: Name of the entry.
        license_weights: Licence of the weights, as those who published them say.
        license_data: Licence of the data that they were trained on.
        source: Key of `checkpoints.SOURCES`; guessed from the keys if None.
        image_size: Side of the images.
        trained_on: What the weights were trained on, for the card.
        method: Key of the training method; by default the source's.
        scaling: Of pixels; by default the source's.
        pooling: Of vision transformers; see `encoders.vit`.
        data: Data string of labelled images to compute the scores of the card on;
            without it the card has none.
        test_data: Data string of the test images.
        metrics: Names of scores, with `data`; by default `knn` and `linear`.
        overwrite: Whether to replace an entry of that name.

    Returns:
        The row, as `zoo.info(name, registry=registry)` gives it from now on.

    Raises:
        FileNotFoundError: If there is no such file.
        FileExistsError: If the entry exists and `overwrite` is false.
        ImportError: If the package that reads the file is not installed.
        ValueError: If the checkpoint does not fit, or the name or a licence is not
            valid.
        RuntimeError: If the SavedModel fails its check.

    Example:
    >>> import_entry(
    ...     "moco_v2_800ep_pretrain.pth.tar",
    ...     "my_zoo",
    ...     name="moco_v2_resnet50_imagenet",
    ...     license_weights="CC-BY-NC-4.0",
    ...     license_data="custom",
    ... )  # doctest: +SKIP
    """
    check_new(Path(registry).expanduser(), name, overwrite)
    _check_licenses(weights=license_weights, data=license_data)
    path = Path(checkpoint).expanduser()
    read = checkpoints.open_checkpoint(path, source, scaling=scaling)
    options = {} if pooling is None else {"pooling": pooling}
    encoder = read.encoder((image_size, image_size, 3), **options)
    given = {"method": method, "scaling": scaling, "pooling": pooling}
    facts = _origin(read, image_size, given)
    facts |= {"method": method or read.method, "data": trained_on}
    with tempfile.TemporaryDirectory(prefix="cl-keras-import-") as folder:
        encoder.save(Path(folder, ENCODER_FILE))
        served = checked_export(
            encoder,
            Path(folder, "serving"),
            name=name,
            metadata={key: facts[key] for key in ("method", "data", "published")},
        )
        decoding = artifact.read_manifest(served)["input"]["preprocessing"]
        if data is not None:
            facts |= _scores(Path(folder, ENCODER_FILE), data, test_data, metrics)
        return zoo.publish(
            Path(folder, ENCODER_FILE),
            served,
            registry,
            name=name,
            preprocessing=decoding + IN_THE_ENCODER + read.preprocessing,
            seed=0,
            epochs=0,
            license_weights=license_weights,
            license_data=license_data,
            overwrite=overwrite,
            **facts,
        )


def _check_licenses(**licenses: str) -> None:
    for what, value in licenses.items():
        if not value.strip():
            raise ValueError(
                f"Expected `license_{what}`, such as CC-BY-NC-4.0, or 'unknown'. "
                f"Received: {value!r}"
            )


def _origin(
    read: checkpoints.Checkpoint, image_size: int, given: Mapping[str, str | None]
) -> dict[str, Any]:
    """What a row says of where the encoder is from, and how to import it again."""
    further = [f"--{key} {value}" for key, value in given.items() if value is not None]
    command = (
        f"{IMPORTED} {shlex.quote(read.path.name)} --source {read.source}",
        f"--image-size {image_size}",
    )
    title = checkpoints.SOURCES[read.source].title
    checksum = artifact.sha256(read.path)
    return {
        "encoder": read.architecture,
        "recipe": " ".join([*command, *further]),
        "published": {
            "weights": f"{title}, {read.path.name}, SHA-256 {checksum}",
            "paper": read.reference,
        },
    }


def _scores(
    encoder: Path, data: str, test_data: str | None, metrics: Iterable[str] | None
) -> dict[str, Any]:
    """The numbers of the card, and what computing them again needs."""
    numbers = evaluate(
        str(encoder),
        data_spec=data,
        test_spec=test_data,
        metrics=metrics or DEFAULT_METRICS,
    )
    names = [name for name in numbers if name in SCORES]
    beside = [other for name in names for other in baselines_of(name)]
    evaluation = {"data": data, "test_data": test_data, "neighbors": numbers["k"]}
    return {
        "scores": {name: numbers[name] for name in names},
        "baselines": {name: numbers[name] for name in beside if name in numbers},
        "evaluation": {k: v for k, v in evaluation.items() if v is not None}
        | settings_of(numbers),
    }
