# SPDX-License-Identifier: Apache-2.0
"""The model of a run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import tensorflow as tf

from cl_keras import encoders, methods, optimizers
from cl_keras.rebuilding import WHITENING
from cl_keras.runs.config import TrainConfig, call_with, check_options, types_explained
from cl_keras.runs.encoder_names import (
    build_encoder,
    is_loaded,
    started_projector,
)
from cl_keras.runs.jobs.job import Shapes
from cl_keras.runs.jobs.view_sizes import ViewSizes
from cl_keras.runs.optimizer import DEPTH_SETTING, make_optimizer, make_rate
from cl_keras.runs.settings import HEADS, call_names
from cl_keras.runs.training import Training


def build_model(config: TrainConfig, job: Shapes) -> Any:
    """Builds the model of a run: encoder, heads and method."""
    method: Any = methods.get(config.method).model
    if issubclass(method, methods.PairModel):
        return _pair_model(config, job, method)
    encoder = build_encoder(
        config.encoder, job.input_shape, job.encoder_options, config.part("encoder")
    )
    if view_sizes := ViewSizes.of(config):
        view_sizes.check(encoder)
    width, parts = encoder.output_shape[-1], {}
    for part, builder in method.head_builders.items():
        # What decodes makes examples again.
        sizes = (width, job.input_shape) if part == "decoder" else (width,)
        options = config.part(part)
        if part == "predictor" and "width" in call_names(builder, 1):
            options = {"width": width} | options  # It predicts the projector's output.
        if part == "projector" and "weights" in options:
            parts[part] = started_projector(options, width)
        else:
            parts[part] = call_with(builder, part, options, *sizes)
        width = parts[part].output_shape[-1]
    options = _method_options(config, method, parts)
    with types_explained(config.method, options):
        return method(encoder, **parts, **options)


def _pair_model(config: TrainConfig, job: Any, method: Any) -> Any:
    """Two encoders of one kind, or of two: `--encoder A,B`."""
    names, kinds = [*job.shapes], config.encoder.split(",")
    if len(kinds) > 2:
        raise ValueError(
            f"Expected one encoder, or two with a comma: of {' and '.join(names)}. "
            f"Received: {config.encoder!r}"
        )
    both: dict[str, Any] = {}
    heads: dict[str, Any] = {}
    for name, kind in zip(names, kinds * (2 // len(kinds)), strict=True):
        options = _of_side(config.part("encoder"), name, names)
        made = job.options_of(name, kind)
        both[name] = build_encoder(kind, job.shapes[name], made, options)
        heads[name] = call_with(
            method.head_builders["projector"],
            "projector",
            _of_side(config.part("projector"), name, names),
            both[name].output_shape[-1],
        )
    taken = ("projector", "projectors")
    options = _method_options(config, method, taken)
    with types_explained(config.method, options):
        return method(both, heads, **options)


def _of_side(options: dict[str, Any], side: str, sides: list[str]) -> dict[str, Any]:
    """Settings of both encoders, and those of one, such as encoder.watch.channels."""
    common = {k: v for k, v in options.items() if k.partition(".")[0] not in sides}
    own = {
        k.partition(".")[2]: v
        for k, v in options.items()
        if k not in common and k.startswith(f"{side}.")
    }
    return common | own


def _method_options(
    config: TrainConfig, method: Any, parts: Collection[str]
) -> dict[str, Any]:
    """The method's own settings; none is of a part that it lacks."""
    for part in HEADS:
        if part not in parts and (options := config.part(part)):
            raise ValueError(
                f"{config.method} has no {part}. Received: "
                + ", ".join(f"{part}.{name}" for name in options)
            )
    options = config.part("")
    check_options(options, config.method, {*call_names(method, 1)} - {*parts})
    return options


def compiled_model(training: Training, jit_compile: bool | None) -> Any:
    """The model, new or of the checkpoint, as `fit` takes it."""
    config, steps = training.config, training.steps
    if training.resumed:
        model = training.resumed.model
        if config.schedule == "cosine":
            # That of the checkpoint may be of a shorter training.
            model.optimizer.learning_rate = make_rate(config, steps)
    else:
        with training.team.scope():
            model = build_model(config, training.job)
            model.compile(make_optimizer(config, steps))
            _whiten(model, training)
    if (decay := config.part("optimizer").get(DEPTH_SETTING)) is not None:
        # Not saved with the model: set anew where it goes on.
        for encoder in _encoders(model):
            optimizers.decay_rates(encoders.block_depths(encoder), decay)
    if "total_steps" in methods.get(config.method).needs:
        model.total_steps = config.epochs * steps
    if jit_compile is not None:
        model.jit_compile = jit_compile
    return model


def _encoders(model: Any) -> list[Any]:
    """The encoder of a model, or the two of pairs."""
    return [*getattr(model, "encoders", {"": model.encoder}).values()]


def _whiten(model: Any, training: Training) -> None:
    """Sets the convolutions of new encoders that images decide.

    All workers take the same views; encoders with weights go on with what they know.
    """
    both, names = _encoders(model), training.config.encoder.split(",")
    for name, encoder in zip(names * (len(both) // len(names)), both, strict=True):
        has = WHITENING in {layer.name for layer in encoder.layers}
        if has and not is_loaded(name):
            first_view, *_ = tf.nest.flatten(next(iter(training.job.batches())))
            encoders.whiten(encoder, first_view)
