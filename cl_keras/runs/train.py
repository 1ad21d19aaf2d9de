# SPDX-License-Identifier: Apache-2.0
"""A training run from data string to evaluated, exported encoder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from cl_keras import workers
from cl_keras.artifact import ENCODER_FILE
from cl_keras.data.inventory import inventory_lines, take_inventory
from cl_keras.data.source import Source
from cl_keras.runs.alike import check_alike
from cl_keras.runs.announcement import announce
from cl_keras.runs.checkpoint import Progress, is_finished, restore
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.continuation import (
    as_paced,
    check_continuation,
    directory_of,
    located_data,
)
from cl_keras.runs.default_encoder import with_encoder
from cl_keras.runs.devices import (
    check_devices,
    check_read_elsewhere,
    check_service,
    dtype_policy,
    environment,
    restart_advice,
)
from cl_keras.runs.finishing import (
    METRICS,
    Scoring,
    finish_run,
    stages_of,
    unfinished,
)
from cl_keras.runs.fit import fit
from cl_keras.runs.jobs import make_job
from cl_keras.runs.jobs.job import Job, open_source
from cl_keras.runs.jobs.large_folders import with_stream
from cl_keras.runs.jobs.model import compiled_model
from cl_keras.runs.run_files import (
    CHECKPOINT_FOLDER,
    CONFIG_FILE,
    SUMMARY_FILE,
    alone,
    check_writable,
    cut_history,
    read_summary,
    resume_command,
)
from cl_keras.runs.saving import save_trained
from cl_keras.runs.stages import Stages
from cl_keras.runs.time_limit import TimeLimit, check_limit
from cl_keras.runs.training import FitOptions, Training
from cl_keras.runs.training_summary import summary_of
from cl_keras.score_names import baseline_names
from cl_keras.workers import Cluster


def train(
    config: TrainConfig,
    *,
    command: str = "",
    console: Console | None = None,
    evaluate: bool = True,
    metrics: Collection[str] = METRICS,
    baselines: bool | Collection[str] = True,
    finish: bool = True,
    draw: bool = True,
    resume: bool = False,
    close: bool = False,
    checkpoint_seconds: float = 30.0,
    tensorboard: bool = False,
    limit: TimeLimit | None = None,
    cluster: Cluster | None = None,
    devices: int | None = None,
    jit_compile: bool | None = None,
    data_service: str | None = None,
) -> dict[str, Any]:
    """Trains, evaluates, exports, checks and draws an encoder.

    The summary is written when training has ended, and completed as the rest is done.
    What of that fails, or is not asked for, is named in it under `left_out`, with the
    reason; only a failed export is an error, at the end. The global random seeds are
    set, as `keras.utils.set_random_seed` does; the global dtype policy is the caller's
    again at the end.

    Args:
        config: The run.
        command: The command line that asked for it, to be kept with the run.
        console: Where progress goes; by default standard error.
        evaluate: Whether to score the encoder, where there are labels.
        metrics: By what; see `score_names.FEATURE_METRICS`.
        baselines: What to score beside it, as of `runs.evaluate`.
        finish: Whether to export and check a SavedModel, and to write the report.
        draw: Whether to draw the figures and write the report, with `finish`.
        resume: Whether to go on with the run in this folder, if there is one: from
            its last checkpoint, with the weights that it would have reached
            uninterrupted. Of a run that is trained, what was left out is done. A
            finished run is left as it is, unless `config` is longer (see
            `runs.continuation`).
        close: Whether the run to go on with is trained no further: what its last
            checkpoint holds is what it has reached.
        checkpoint_seconds: Least time between two checkpoints.
        tensorboard: Whether to write scalars, and the features for the embedding
            projector, into `tensorboard/` of the run.
        limit: When training has to end, as `runs.choose` gives it: the schedule is
            spread over the steps that there turn out to be, and what of the rest does
            not fit is left out. Also of a run that goes on.
        cluster: The workers that train together, and which of them this process is.
            The batch size is that of all of them. All read the same run folder; worker
            0 alone writes to it, and evaluates.
        devices: Devices of this process, as of `cl_keras.workers.start`.
        jit_compile: Whether XLA compiles the step; by default on a single GPU.
        data_service: Dispatcher of a tf.data service, `"grpc://host:port"`, whose
            workers make the batches; see `cl_keras.data.distribute` for what then
            holds of their order.

    Returns:
        The summary, as written to `summary.json`; of workers but the first their
        number only.

    Raises:
        ValueError: If the configuration does not fit the data, before training, or
            the run to go on with was made with another configuration or other data.
        FileExistsError: If the run folder already holds a run and `resume` is false.
        OSError: If the run folder, or the summary in it, cannot be written.
        RuntimeError: If the SavedModel could not be written or failed its check, or
            another process trains into the folder.
        Interrupted: After Ctrl-C or SIGTERM, when a checkpoint is written.
        WorkerLost: If another worker has ended. Start all again with `resume`.
    """
    chief = cluster is None or cluster.is_chief
    check_limit(limit, config, cluster)
    stages = Stages(console if chief else Console(quiet=True))
    wanted = stages_of(
        evaluate=evaluate, finish=finish, draw=draw, tensorboard=tensorboard
    )
    scoring = Scoring(tuple(metrics), baseline_names(baselines))
    ending = partial(finish_run, scoring=scoring, stages=stages, limit=limit)
    check_writable(run := Path(config.out))
    # All workers look before the first of them can write.
    begun, directory = _begun(run, resume), directory_of(run)
    config, source = _suited(config, begun, directory, stages)
    if begun is not None:
        config = as_paced(begun, config)
        check_continuation(begun, config)
        if begun == config and (run / SUMMARY_FILE).is_file():
            return _complete(config, directory, wanted, stages, chief, ending)
        if cluster is not None and is_finished(run / CHECKPOINT_FOLDER, config.epochs):
            if not chief:
                return {"worker": "not needed"}
            cluster = None  # What is left to do is the chief's.
    located = located_data(config, directory)
    source = source or open_source(located)
    devices = check_devices(source.modality, cluster, devices, jit_compile)
    check_service(data_service, cluster)
    team = workers.start(cluster, devices)
    with workers.losses_explained(team.cluster, restart_advice(run)), team.scope():
        resumed = restore(run / CHECKPOINT_FOLDER) if begun else None
    if close and not (resumed and resumed.progress.epoch):
        raise ValueError(
            f"Expected a run that has finished an epoch, to close it. Received: {run}"
        )
    with dtype_policy(config.precision), contextlib.ExitStack() as stack:
        job, inventory = _loaded(located, source, config.data, stages, data_service)
        # Not before: settings are checked by a model that is not kept.
        keras.utils.set_random_seed(config.seed)
        training = Training(config, job, team, job.steps(), resumed)
        with training.losses_explained():
            check_alike(training)
            model = compiled_model(training, jit_compile)
        # Nothing was written so far: whatever does not fit has failed by now.
        if chief:
            stack.enter_context(alone(run))
            if _begun(run, resume) != begun:
                raise RuntimeError(f"Another process has just trained into {run}.")
            _begin(training, directory, command, limit)
        announce(training, model, stages, labels=evaluate, timed=limit is not None)
        options = FitOptions(checkpoint_seconds, tensorboard, data_service, limit)
        with training.losses_explained():
            if close:
                progress = _closed(training)
            else:
                progress = _fit(training, model, stages, options)
            # The others stay until the last checkpoint is there.
            team.all_say([0])
        if team.cluster and not chief:
            return {"worker": team.cluster.task}
        encoder = save_trained(training, model, stages)
        summary = summary_of(training, encoder, progress, inventory)
        return ending(config, job, encoder, summary, wanted)


def _fit(
    training: Training, model: Any, stages: Stages, options: FitOptions
) -> Progress:
    """Trains, and says which files turned out to be bad only then."""
    known = len(training.job.skipped)
    progress = fit(training, model, stages.console, options)
    if bad := len(training.job.skipped) - known:
        stages.say(
            f"warning: {bad} image{'s' * (bad > 1)} could not be decoded; others "
            "of the batch stood in (summary.json has the names)"
        )
    return progress


def _closed(training: Training) -> Progress:
    """Where a training stands that is to end there."""
    progress, epochs = training.progress, training.config.epochs
    cut_history(training.run, progress.epoch)
    progress.warnings.append(f"closed after {progress.epoch} of {epochs} epochs")
    return progress


def _begun(run: Path, resume: bool) -> TrainConfig | None:
    """The configuration of the run that is there already, which may go on."""
    if not (run / CONFIG_FILE).exists():
        return None
    if not resume:
        raise FileExistsError(
            f"{run} already holds a run. Go on with it ({resume_command(run)}), choose "
            "another folder, or delete this one."
        )
    return TrainConfig.load(run / CONFIG_FILE)


def _suited(
    config: TrainConfig, begun: TrainConfig | None, folder: Path | None, stages: Stages
) -> tuple[TrainConfig, Source | None]:
    """What the data decides of a run, and the data, if it had to be opened for it."""
    source = None
    # A run that goes on stays as it began: its folder may have grown, or be gone.
    if begun is None or begun.settings.get("data.stream"):
        source = open_source(located_data(config, folder))
        config = with_stream(config, source, stages)
    return with_encoder(config, begun, source), source


def _loaded(
    located: TrainConfig, source: Source, name: str, stages: Stages, service: str | None
) -> tuple[Job, dict[str, Any]]:
    """The data and what is in its files, which is said before they are read."""
    inventory = take_inventory(source)
    for line in inventory_lines(inventory):
        stages.say(line)
    with stages(f"loading {name}"):
        job = make_job(located, source)
    check_read_elsewhere(service, getattr(job, "images", None))
    return job, inventory


def _begin(
    training: Training, directory: Path | None, command: str, limit: TimeLimit | None
) -> None:
    """Writes what the run is made of, by which it can go on from now on."""
    run = training.run
    # Of a shorter training: kept, it would say that this one is finished.
    (run / SUMMARY_FILE).unlink(missing_ok=True)
    facts = environment() | {"replicas": training.team.replicas}
    if directory is not None:
        facts["directory"] = str(directory)
    more = {"limit": limit.facts()} if limit else {}
    training.config.save(run / CONFIG_FILE, command=command, environment=facts, **more)


def _complete(
    config: TrainConfig,
    directory: Path | None,
    wanted: tuple[str, ...],
    stages: Stages,
    chief: bool,
    ending: Callable[..., dict[str, Any]],
) -> dict[str, Any]:
    """Does what a run that is trained lacks of what is wanted."""
    run = Path(config.out)
    summary = read_summary(run)
    missing = unfinished(summary, wanted)
    if not missing or not chief:
        stages.say(f"{run} is finished already")
        return summary
    with alone(run):
        with stages(f"loading {config.data}"):
            job = make_job(located_data(config, directory))
            encoder = keras.saving.load_model(run / ENCODER_FILE, compile=False)
        return ending(config, job, encoder, summary, missing)
