# SPDX-License-Identifier: Apache-2.0
"""The serving kit: files beside a model's versions for servers and their clients."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from cl_keras import artifact, files
from cl_keras.export.bundle.models_config import MODELS_FILE, ModelsConfig, versions
from cl_keras.export.client.batches import FILE_SIGNATURES

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
      The first time both are the newest; later `stable` stays where it is, unless it is
      given, and `canary` is the newest.
    - `monitoring.config`: Prometheus metrics.
    - `Dockerfile`, `compose.yaml`, `kubernetes.yaml`: TensorFlow Serving with this
      model, its flags, health checks and resources.
    - `clients/`: a `curl` script, and Python programs for gRPC and for REST that need
      no cl_keras, with deadlines, retries and message limits.
    - `SERVING.md`: how to use all that.

    Files that are there already are kept, since they may have been edited; so is
    `models.config`, if anything but its labels was.

    Args:
        base: The model's folder: that of its versions.
        name: Name of the model on the server; by default the one it has in
            `models.config`, or that of the folder.
        stable: Version to label `stable`.
        canary: Version to label `canary`.
        overwrite: Whether to write all files anew.

    Returns:
        The files that were written.

    Raises:
        FileNotFoundError: If there is no version.
        ValueError: If a version to be labelled is not there, the name does not do in a
            URL, or labels are given and `models.config` was edited.

    Example:
    >>> import keras, tempfile
    >>> from cl_keras import export
    >>> encoder = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    >>> base = export.saved_model(encoder, tempfile.mkdtemp()).parent
    >>> sorted(file.name for file in serving_kit(base, name="demo"))[-3:]
    ['monitoring.config', 'predict.sh', 'rest_client.py']
    """
    base = Path(base)
    existing = versions(base)
    if not existing:
        raise FileNotFoundError(
            f"Expected a folder with version folders, such as {base}/1. Received: "
            f"{base}, which has none"
        )
    for label, version in (("stable", stable), ("canary", canary)):
        if version is not None and version not in existing:
            raise ValueError(
                f"Expected one of the versions {existing} for {label!r}. Received: "
                f"{version}"
            )
    config, edited = _configured(base, name, existing, overwrite)
    if edited and (stable is not None or canary is not None):
        raise ValueError(
            f"{base / MODELS_FILE} was changed by hand: move the labels there, or let "
            "it be written anew with `overwrite`."
        )
    config = replace(
        config,
        stable=config.stable if stable is None else stable,
        canary=existing[-1] if canary is None else canary,
    )
    signatures = artifact.read_manifest(base / str(existing[-1]))["signatures"]
    texts = {MODELS_FILE: config.text()}
    for target, template in _FILES.items():
        text = _TEMPLATES.joinpath(template).read_text(encoding="utf-8")
        texts[target] = _filled(text, config.name, signatures)
    written = []
    for target, text in texts.items():
        path = base / target
        keep = edited if target == MODELS_FILE else path.exists()
        if keep and not overwrite:
            continue
        path.parent.mkdir(exist_ok=True)
        _write(path, text)
        written.append(path)
    return written


def _configured(
    base: Path, name: str | None, existing: list[int], overwrite: bool
) -> tuple[ModelsConfig, bool]:
    """What `models.config` says so far, and whether it was edited."""
    path = base / MODELS_FILE
    earlier = None
    if path.is_file():
        earlier = ModelsConfig.parse(path.read_text(encoding="utf-8"))
    edited = path.is_file() and earlier is None and not overwrite
    if earlier and name not in (None, earlier.name) and not overwrite:
        raise ValueError(
            f"Expected the name {earlier.name!r}, which stands in all files of the "
            f"kit, or `overwrite`. Received: {name!r}"
        )
    if name is None:
        name = earlier.name if earlier else base.resolve().name
    if not _NAME.fullmatch(name):
        raise ValueError(
            "Expected a name of letters, digits, '_', '.' and '-' for the model. "
            f"Received: {name!r}"
        )
    stable = earlier.stable if earlier and earlier.stable in existing else existing[-1]
    return ModelsConfig(name, stable, existing[-1]), edited


def _filled(text: str, name: str, signatures: Mapping[str, Any]) -> str:
    """A template, with what is meant in place of @name@, @label@ and so on."""
    # Files are what all clients can send.
    of_files = [signature for signature in FILE_SIGNATURES if signature in signatures]
    signature = [*of_files, artifact.FLOAT_SIGNATURE][0]
    # Kubernetes takes neither capitals nor dots and underscores, and a letter first.
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    values = {
        "name": name,
        "label": (label if label[0].isalpha() else f"model-{label}")[:50].strip("-"),
        "signature": signature,
        "input": next(iter(signatures[signature]["inputs"])),
    }
    return re.sub(r"@(\w+)@", lambda match: values[match[1]], text)


def _write(path: Path, text: str) -> None:
    # Whole: a server that polls models.config never reads half of it.
    with files.replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
        if text.startswith("#!"):
            draft.chmod(0o755)
