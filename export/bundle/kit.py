# SPDX-License-Identifier: Apache-2.0
"""The serving kit: files beside a model's versions for servers and their clients."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from cl_keras import artifact
from cl_keras.export.bundle.models_config import (
    MODELS_FILE,
    Labels,
    read_labels,
    versions,
)

_TEMPLATES = resources.files(__package__).joinpath("templates")
# Where each goes. Python programs are templates by name, so that nothing imports them.
_FILES = {
    "Dockerfile": "Dockerfile",
    ".dockerignore": "dockerignore",
    "compose.yaml": "compose.yaml",
    "kubernetes.yaml": "kubernetes.yaml",
    "monitoring.config": "monitoring.config",
    "SERVING.md": "SERVING.md",
    "clients/predict.sh": "predict.sh",
    "clients/grpc_client.py": "grpc_client.py.in",
    "clients/rest_client.py": "rest_client.py.in",
}
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


def serving_kit(
    base: str | os.PathLike[str],
    *,
    name: str | None = None,
    stable: int | None = None,
    canary: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Writes what it takes to serve a model, beside its versions.

    - `models.config`: all versions, two of them with the labels `stable` and `canary`.
      The first time both are the newest; later `stable` stays where it is and `canary`
      is the newest, unless they are given.
    - `monitoring.config`: Prometheus metrics.
    - `Dockerfile`, `compose.yaml`, `kubernetes.yaml`: TensorFlow Serving with this
      model, its flags, health checks and resources.
    - `clients/`: a `curl` script, and Python programs for gRPC and for REST that need
      no cl_keras, with deadlines, retries and message limits.
    - `SERVING.md`: how to use all that.

    Files that are there already are kept, since they may have been edited;
    `models.config` is brought up to date if nothing but labels changed in it.

    Args:
        base: The model's folder: that of its versions.
        name: Name of the model on the server; by default that of the folder.
        stable: Version to label `stable`.
        canary: Version to label `canary`.
        overwrite: Whether to write all files anew.

    Returns:
        The files that were written.

    Raises:
        FileNotFoundError: If there is no version.
        ValueError: If a version to be labelled is not there, the name does not do in a
            URL, or `models.config` was edited so that its labels cannot be moved.

    Example:
    >>> import keras, tempfile
    >>> from cl_keras import export
    >>> encoder = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    >>> base = export.saved_model(encoder, tempfile.mkdtemp()).parent
    >>> sorted(file.name for file in serving_kit(base, name="demo"))[-3:]
    ['monitoring.config', 'predict.sh', 'rest_client.py']
    """
    base = Path(base)
    there = versions(base)
    if not there:
        raise FileNotFoundError(
            f"Expected a folder with version folders, such as {base}/1. Received: "
            f"{base}, which has none"
        )
    name = base.resolve().name if name is None else name
    if not _NAME.fullmatch(name):
        raise ValueError(
            "Expected a name of letters, digits, '_', '.' and '-' for the model. "
            f"Received: {name!r}"
        )
    labels = _labels(base, name, there, stable, canary, overwrite)
    signatures = artifact.read_manifest(base / str(there[-1]))["signatures"]
    texts = {MODELS_FILE: labels.config(name)}
    for place, template in _FILES.items():
        text = _TEMPLATES.joinpath(template).read_text(encoding="utf-8")
        texts[place] = _filled(text, name, signatures)
    written = []
    for place, text in texts.items():
        path = base / place
        if path.exists() and not overwrite and place != MODELS_FILE:
            continue
        path.parent.mkdir(exist_ok=True)
        _write(path, text)
        written.append(path)
    return written


def _labels(
    base: Path,
    name: str,
    there: list[int],
    stable: int | None,
    canary: int | None,
    overwrite: bool,
) -> Labels:
    for label, version in (("stable", stable), ("canary", canary)):
        if version is not None and version not in there:
            raise ValueError(
                f"Expected one of the versions {there} for {label!r}. Received: "
                f"{version}"
            )
    known = None if overwrite else read_labels(base / MODELS_FILE, name)
    if stable is None:
        stable = known.stable if known and known.stable in there else there[-1]
    return Labels(stable, there[-1] if canary is None else canary)


def _filled(text: str, name: str, signatures: Mapping[str, Any]) -> str:
    """A template, with what is meant in place of @name@, @label@ and so on."""
    signature = _for_clients(signatures)
    values = {
        "name": name,
        # Kubernetes takes neither capitals nor dots and underscores.
        "label": re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"),
        "signature": signature,
        "input": next(iter(signatures[signature]["inputs"])),
    }
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], text)


def _for_clients(signatures: Mapping[str, Any]) -> str:
    """The first signature of files, which all can send; else the default one."""
    for name, signature in signatures.items():
        specs = list(signature["inputs"].values())
        if [spec["dtype"] for spec in specs] == ["string"]:
            return name
    return artifact.FLOAT_SIGNATURE


def _write(path: Path, text: str) -> None:
    # By rename: a server that polls models.config never reads half of it.
    building = path.with_name(f".{path.name}.building")
    building.write_text(text, encoding="utf-8")
    if text.startswith("#!"):
        building.chmod(0o755)
    building.replace(path)
