# SPDX-License-Identifier: Apache-2.0
"""One way to name an encoder: where it comes from, what it is called, its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import keras

from cl_keras import checkpoints, encoders, zoo
from cl_keras.artifact import ENCODER_FILE, PROJECTOR_FILE
from cl_keras.encoders.build import FAMILIES
from cl_keras.rebuilding import in_precision
from cl_keras.registry import unknown
from cl_keras.runs.command import setting_value
from cl_keras.runs.known_facts import config_facts, run_facts
from cl_keras.runs.run_files import CONFIG_FILE, resume_command
from cl_keras.runs.served_encoder import ServedEncoder, served_facts, version_folder
from cl_keras.specification import specification
from cl_keras.zoo.loading import load_encoder as load_file

Facts = dict[str, Any]
Shape = tuple[int | None, ...]

#: Side of images where neither the network nor the name says which.
IMAGE_SIZE = 224
_FILE = ".keras"


def load_encoder(
    target: str,
    registry: str | None = None,
    *,
    input_shape: Shape | None = None,
    **options: Any,
) -> tuple[keras.Model, Facts]:
    """Loads an encoder with what is known of its data.

    Options may follow the name, as in
    `"keras:ResNet50V2?weights=imagenet&image_size=96"`.

    Args:
        target: A name of the zoo (`"zoo:NAME"` or just the name), a run (`"run:DIR"`
            or just the folder), a `.keras` file, `"keras:ResNet50V2"` and others of
            `keras.applications`, `"keras_hub:PRESET"`, or `"checkpoint:PATH"`, which
            PyTorch has written.
        registry: Registry directory for zoo names.
        input_shape: Of one example, where the encoder shall take another than its own.
        **options: `image_size` in place of `input_shape`; `weights` and others of the
            builder, where a name is one of Keras or KerasHub; `source` of a checkpoint.

    Returns:
        The encoder, and as far as they are known `method`, `data`, `test_data`,
        `probe_data`, `seed`, `neighbors`, `sample_rate` and the `settings` of the data;
        a file within a run's folder knows what the run knows, an entry its `metrics`.

    Raises:
        ValueError: If there is no such encoder or option, or the network does not
            allow inputs of this shape.
        FileNotFoundError: If there is no file or finished run.
        ImportError: If an extra is missing.

    Example:
    >>> encoder, facts = load_encoder("zoo:simclr_compact_digits")
    >>> encoder.input_shape, facts["data"]
    ((None, 16, 16, 1), 'digits')
    """
    name, own = split_name(target)
    options = own | options
    size = options.pop("image_size", None)
    if size is not None and (type(size) is not int or size < 1):
        raise ValueError(
            f"Expected image_size as a whole number of pixels. Received: {target!r}"
        )
    family, colon, rest = name.partition(":")
    if colon and family in _BUILT:
        shape = input_shape or (size or IMAGE_SIZE, size or IMAGE_SIZE, 3)
        return _BUILT[family](rest, shape, **options), {}
    if options:
        raise unknown(f"option of {name}", next(iter(options)), ["image_size"])
    if colon and family in _KEPT:
        encoder, facts = _KEPT[family](rest, registry)
    elif Path(name).is_dir():
        encoder, facts = _of_run(name, registry)
    elif Path(name).suffix == _FILE:
        encoder, facts = _load_file(Path(name)), run_facts(Path(name))
    elif not colon and Path(name).name != name:
        raise FileNotFoundError(
            "Expected a run, a .keras file, a SavedModel or a name of the zoo. "
            f"Received: {name}, which is not there"
        )
    else:
        encoder, facts = _of_zoo(name, registry)
    if size is not None:
        input_shape = (size, size, encoder.input_shape[-1])
    if input_shape is not None:
        encoder = encoders.with_input_shape(encoder, input_shape)
    return encoder, facts


def load_target(
    target: str, registry: str | None = None, **options: Any
) -> tuple[keras.Model | ServedEncoder, Facts]:
    """Loads an encoder, also a served one, with what is known of its data."""
    path = Path(target)
    version = None if (path / CONFIG_FILE).is_file() else version_folder(path)
    if version is None:
        return load_encoder(target, registry, **options)
    return ServedEncoder(version), served_facts(version) | run_facts(version)


def build_encoder(
    name: str, input_shape: Shape, made: Mapping[str, Any], settings: Mapping[str, Any]
) -> keras.Model:
    """Builds or loads the encoder that a training starts from."""
    name, own = split_name(name)
    options = own | dict(settings)
    freeze = options.pop("freeze", None)
    if is_loaded(name):
        if "image_size" in options:
            raise ValueError(
                "Expected the size of images with --image-size. Received: "
                f"encoder.image_size={options['image_size']}"
            )
        encoder, _ = load_encoder(name, input_shape=input_shape, **options)
        takes = (None, *specification(encoder).shape)
        _check_shapes(takes, input_shape, "the data to train on")
        # Weights are kept in float32; new layers follow the policy by themselves.
        if (policy := keras.config.dtype_policy().name).startswith("mixed_"):
            encoder = in_precision(encoder, policy)
    else:
        encoder = encoders.build(name, input_shape, **dict(made) | options)
    encoder.trainable = True
    if freeze is not None:
        encoders.freeze(encoder, freeze)
    return encoder


def started_projector(options: Mapping[str, Any], features: int) -> keras.Model:
    """The projector of an entry or a run, to go on with."""
    if len(options) > 1:
        others = ", ".join(f"projector.{name}" for name in options if name != "weights")
        raise ValueError(
            f"A projector with weights is built already. Received: {others}"
        )
    family, colon, rest = str(options["weights"]).partition(":")
    if not colon or family not in _KEPT:
        raise ValueError(
            "Expected projector.weights=zoo:NAME or run:DIR. Received: "
            f"{options['weights']!r}"
        )
    if family == "run":
        projector = _load_file(Path(rest) / PROJECTOR_FILE)
    else:
        projector = zoo.load(rest, part="projector")
    if (width := projector.input_shape[-1]) != features:
        raise ValueError(
            f"Expected a projector of {features} features, as the encoder gives. "
            f"Received: {options['weights']}, of {width}"
        )
    projector.trainable = True
    return projector


def split_name(text: str) -> tuple[str, dict[str, Any]]:
    """Splits `NAME?option=value&option=value`."""
    name, question, query = text.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    if question and not all(value for _, value in pairs or [("", "")]):
        raise ValueError(
            "Expected options as in keras:ResNet50V2?weights=imagenet&image_size=96. "
            f"Received: {text!r}"
        )
    return name, {key: setting_value(value) for key, value in pairs}


def is_loaded(name: str) -> bool:
    """Whether a name is of weights that exist already, not of a builder of ours."""
    name, _ = split_name(name)
    family, colon, _ = name.partition(":")
    return name.endswith(_FILE) or bool(colon and family in (*_KEPT, "checkpoint"))


def is_pretrained(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether a training starts from weights that have learnt before."""
    _, own = split_name(name)
    weights = (own | dict(settings)).get("weights")
    return is_loaded(name) or name.startswith("keras_hub:") or weights is not None


def check_fit(encoder: keras.Model, shape: Shape, source: object) -> None:
    """Checks that an encoder takes examples of a shape."""
    _check_shapes(encoder.input_shape, shape, source)


def _check_shapes(wanted: Any, shape: Shape, source: object) -> None:
    fits = isinstance(wanted, tuple) and len(wanted) == len(shape) + 1
    if fits:
        wanted = wanted[1:]
        pairs = zip(wanted, shape, strict=True)
        fits = all(None in pair or pair[0] == pair[1] for pair in pairs)
    if not fits:
        raise ValueError(
            f"The encoder takes examples of shape {wanted}. "
            f"Received: {shape} from {source}"
        )


def _of_zoo(name: str, registry: str | None) -> tuple[keras.Model, Facts]:
    row = zoo.info(name, registry=registry)
    encoder = zoo.load(name, registry=registry)
    known = {"data": row.data, "seed": row.seed}
    return encoder, {**known, "sample_rate": row.sample_rate, **row.evaluation}


def _of_run(name: str, registry: str | None) -> tuple[keras.Model, Facts]:
    path = Path(name)
    if not (path / CONFIG_FILE).is_file():
        if (path / ENCODER_FILE).is_file():  # One side of a run of pairs.
            return _load_file(path / ENCODER_FILE), run_facts(path / ENCODER_FILE)
        raise ValueError(
            f"{path} is a folder but not a run: {CONFIG_FILE} is missing there."
        )
    if not (path / ENCODER_FILE).is_file():
        command = resume_command(path)
        raise FileNotFoundError(
            f"The training in {path} has not ended. To go on: {command}. To end it "
            f"where it was stopped: {command} --close"
        )
    return _load_file(path / ENCODER_FILE), config_facts(path / CONFIG_FILE)


def _load_file(path: Path) -> keras.Model:
    if not path.is_file():
        raise FileNotFoundError(f"No encoder at {path}.")
    model = load_file(path)
    # A whole method is as good as its encoder.
    return getattr(model, "encoder", model)


# Where encoders with weights are, by what stands before their name, ...
_KEPT: dict[str, Callable[[str, str | None], tuple[keras.Model, Facts]]] = {
    "zoo": _of_zoo,
    "run": _of_run,
}
# ... and who builds one for inputs of a shape.
_BUILT: dict[str, Callable[..., keras.Model]] = {
    **FAMILIES,
    "checkpoint": lambda path, shape, **options: checkpoints.load(
        path, input_shape=shape, **options
    ),
}
