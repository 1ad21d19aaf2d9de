# SPDX-License-Identifier: Apache-2.0
"""Puts an encoder into a registry directory."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cl_keras import artifact
from cl_keras.zoo.card import card
from cl_keras.zoo.loading import load_encoder
from cl_keras.zoo.registry import CARDS, FILES, ROWS
from cl_keras.zoo.row import PACKAGED, Row
from cl_keras.zoo.scores import score


def publish(
    encoder_file: str | os.PathLike[str],
    saved_model: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    name: str,
    method: str,
    encoder: str,
    data: str,
    recipe: str,
    seed: int,
    epochs: int,
    version: str = "1",
    split: str = "train",
    modality: str | None = None,
    preprocessing: str | None = None,
    scores: Mapping[str, float | Sequence[float]] | None = None,
    baselines: Mapping[str, float] | None = None,
    published: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    projector_file: str | os.PathLike[str] | None = None,
    figure: str | os.PathLike[str] | None = None,
    license_weights: str = "Apache-2.0",
    license_data: str = "unknown",
    library_versions: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Row:
    """Publishes a trained encoder into a registry directory.

    Copies both forms into `files/<name>/`, records their SHA-256 in
    `rows/<name>.json` and writes `cards/<name>.md`, whose prose is yours to fill in.
    Input shape, feature width and number of parameters are read from the encoder,
    which is loaded in safe mode to see that others will be able to.

    Args:
        encoder_file: The trainable encoder, a `.keras` file.
        saved_model: The servable encoder, a version folder that
            `export.saved_model` wrote.
        directory: The registry directory; created if needed.
        name: Name of the entry, `method_encoder_dataset`.
        method: Key of the training method.
        encoder: Name of the encoder.
        data: Training data, as a data string.
        recipe: Command that reproduces the run.
        seed: Seed of the run.
        epochs: Epochs trained.
        version: Version of the weights.
        split: Split it was trained on.
        modality: `"image"`, `"audio"`, `"sequence"` or `"graph"`; by default what the
            encoder's inputs say.
        preprocessing: In words; by default what the SavedModel's manifest says.
        scores: By metric, this encoder's number; or that, then the numbers of
            trainings with other seeds.
        baselines: Numbers to compare with, by metric.
        published: Numbers from the literature.
        evaluation: What computing the scores again needs; see `Row`.
        projector_file: The projection head it was trained with, a `.keras` file, for
            later stages of training (`zoo.load(name, part="projector")`).
        figure: A PNG for the card.
        license_weights: SPDX identifier of the weights' licence.
        license_data: Licence of the data.
        library_versions: By default those in the SavedModel's manifest.
        overwrite: Whether to replace an entry of this name. The hand-written part
            of its card is kept.

    Returns:
        The row.

    Raises:
        FileExistsError: If the entry exists and `overwrite` is False.
        ValueError: If a field is not valid (see `Row`), the encoder cannot be loaded
            safely, the SavedModel is damaged, or the two differ in their shapes.

    Example:
    `zoo.publish("encoder.keras", "serving/1", "my_zoo", name="simclr_tiny_digits",
    method="simclr", encoder="tiny", data="digits", recipe="cl-keras demo", seed=0,
    epochs=10)`, then `zoo.load("simclr_tiny_digits", registry="my_zoo")`.
    """
    if re.fullmatch("[a-z0-9_]+", str(name)) is None:
        # Before the name becomes part of any path.
        raise ValueError(
            "Expected a name of lower-case letters, digits and underscores. "
            f"Received: name={name!r}"
        )
    root = Path(directory)
    row_file = root / ROWS / f"{name}.json"
    if not overwrite:
        for place in (row_file, root / FILES / name):
            if place.exists():
                raise FileExistsError(
                    f"{place} exists; pass overwrite=True to replace the entry."
                )
    manifest = artifact.verify(saved_model)
    facts = _encoder_facts(Path(encoder_file), modality)
    expected = (list(facts["input_shape"]), facts["features"])
    received = (manifest["input"]["shape"], manifest["features"])
    if expected != received:
        raise ValueError(
            f"Expected a SavedModel of the same encoder: input shape and features "
            f"{expected}. Received: {received}"
        )
    rates = {facts["sample_rate"], manifest["input"].get("sample_rate")} - {None}
    if len(rates) > 1:
        raise ValueError(
            "Expected a SavedModel of the encoder's sample rate, "
            f"{facts['sample_rate']} Hz. Received: {manifest['input']['sample_rate']}"
        )
    facts["sample_rate"] = next(iter(rates), None)

    for folder in (ROWS, CARDS, FILES):
        (root / folder).mkdir(parents=True, exist_ok=True)
    building = root / FILES / f".building-{uuid.uuid4().hex}"
    try:
        building.mkdir()
        shutil.copyfile(encoder_file, building / artifact.ENCODER_FILE)
        if projector_file is not None:
            load_encoder(Path(projector_file))
            shutil.copyfile(projector_file, building / artifact.PROJECTOR_FILE)
        # TensorFlow Serving wants a number, and takes the highest.
        number = version if version.isdecimal() else "1"
        shutil.copytree(saved_model, building / artifact.SAVED_MODEL_DIR / number)
        row = Row(
            name=name,
            version=version,
            method=method,
            encoder=encoder,
            data=data,
            split=split,
            preprocessing=(
                preprocessing or manifest["input"]["preprocessing"] or "none"
            ),
            scores={name: score(found) for name, found in (scores or {}).items()},
            baselines=dict(baselines or {}),
            published=dict(published or {}),
            license_weights=license_weights,
            license_data=license_data,
            seed=seed,
            epochs=epochs,
            recipe=recipe,
            evaluation=dict(evaluation or {}),
            signatures=tuple(sorted(manifest["signatures"])),
            library_versions=dict(library_versions or manifest["library_versions"]),
            source=PACKAGED,
            files=artifact.records(building),
            root=root.resolve(),
            **facts,
        )
        text = row.to_json()
        # The row goes last: what it lists is there by then.
        _replace_folder(building, root / FILES / name)
        card_file = root / CARDS / f"{name}.md"
        previous = card_file.read_text("utf-8") if card_file.exists() else ""
        if figure is not None:
            shutil.copyfile(figure, card_file.with_suffix(".png"))
        has_figure = card_file.with_suffix(".png").exists()
        _replace_text(card_file, card(row, previous, figure=has_figure))
        _replace_text(row_file, text)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return row


def _encoder_facts(path: Path, modality: str | None) -> dict[str, Any]:
    from cl_keras.sample_rate import sample_rate_of
    from cl_keras.specification import specification

    model = load_encoder(path)
    spec = specification(model)
    if modality is None and spec.modality is None:
        raise ValueError(
            "Expected `modality`: the encoder's inputs do not tell it. Received: "
            f"inputs of shape {spec.shape} in {path}"
        )
    return {
        "modality": modality or spec.modality,
        "input_shape": spec.shape,
        "features": spec.features,
        "parameters": model.count_params(),
        "sample_rate": sample_rate_of(model),
    }


def _replace_folder(new: Path, target: Path) -> None:
    retired = target.with_name(f".retired-{uuid.uuid4().hex}")
    if target.exists():
        target.rename(retired)
    new.rename(target)
    shutil.rmtree(retired, ignore_errors=True)


def _replace_text(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
