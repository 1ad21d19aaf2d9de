# SPDX-License-Identifier: Apache-2.0
"""Runs on time series in CSV files."""

import dataclasses

import keras
import numpy as np
import pytest

from cl_keras.runs import TrainConfig
from cl_keras.runs.jobs.job import make_job
from cl_keras.runs.jobs.model import build_model

pytest.importorskip("pyarrow", reason="needs the extra [tables]")


def statistics(folder, **settings):
    """Mean and variance that the encoder of a run keeps, and the job."""
    config = TrainConfig.for_method(
        "cpc",
        data=f"csv:{folder}",
        out=str(folder / "run"),
        encoder="vector_sequence",
        settings={"encoder.channels": 4, "encoder.context": 4, "data.columns": "x,y"}
        | settings,
    )
    job = make_job(config)
    encoder = build_model(config, job).encoder
    kept = [x for x in encoder.layers if isinstance(x, keras.layers.Normalization)]
    return [(np.ravel(x.mean), np.ravel(x.variance)) for x in kept], job


def test_the_channels_of_series_are_standardised_by_the_training_part(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(10):
        rows = rng.normal([9.8, number], [0.1, 40], (30, 2))
        lines = ["x,y", *(f"{x},{y}" for x, y in rows)]
        (tmp_path / f"{number}.csv").write_text("\n".join(lines))
    (kept,), job = statistics(tmp_path)
    assert len(job.train) == 8
    train = np.concatenate(job.train.sequences)
    np.testing.assert_allclose(kept[0], train.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(kept[1], train.var(axis=0), rtol=1e-4)
    given = {"encoder.mean": [1.0, 2.0], "encoder.variance": [3.0, 4.0]}
    (kept,), _ = statistics(tmp_path, **given)
    np.testing.assert_allclose(kept, [given["encoder.mean"], given["encoder.variance"]])


@pytest.mark.parametrize("train_cut", [False, True])
def test_whole_series_are_trained_on_and_labelled_windows_scored(tmp_path, train_cut):
    """Each file walks for 30 samples, then sits for 30; test files lie elsewhere."""
    for part in ("train", "test"):
        for number in range(2):
            (tmp_path / part).mkdir(exist_ok=True)
            rows = [f"{i},{'walk' if i < 30 else 'sit'}" for i in range(60)]
            text = "\n".join(["x,kind", *rows])
            (tmp_path / part / f"s{number}.csv").write_text(text)
            (tmp_path / part / f"other{number}.csv").write_text(text)
    cut = {"data.cut": 20, "data.hop": 10, "data.purity": 1.0, "data.label": "kind"}
    config = TrainConfig.for_method(
        "cpc",
        data=f"csv:{tmp_path}/train",
        test_data=f"csv:{tmp_path}/test",
        out=str(tmp_path / "run"),
        encoder="vector_sequence",
        batch_size=6,
        settings={
            "data.pattern": r"(?P<subject>s\d)",
            "data.columns": "x",
            "data.window": 20,
        }
        | cut,
    )
    config.settings["data.train_cut"] = train_cut
    job = make_job(config)
    windows = {"train": 8, "test": 8}
    if not train_cut:
        assert job.series.lengths.tolist() == [60, 60]
        windows = {"probed": 8, "probed_test": 8}
    facts = job.facts()
    assert {
        f"{name}_windows": n for name, n in windows.items()
    }.items() <= facts.items()
    # Trained on is also what a change of the label leaves out of the scores.
    (batch,) = next(iter(job.batches()))
    crossing = (batch[:, 0, 0] > 10) & (batch[:, 0, 0] < 30)
    assert train_cut != bool(np.any(crossing))
    for part in (job.train, job.test):
        firsts = [int(window[0, 0]) for window in part.sequences]
        assert firsts == [0, 10, 30, 40] * 2
        names = [part.class_names[label] for label in part.labels]
        assert names == ["walk", "walk", "sit", "sit"] * 2
    del config.settings["data.cut"]
    with pytest.raises(ValueError, match="Expected `data.cut`.*hop` and `data.purity`"):
        make_job(config)


def test_a_fifth_of_the_series_is_held_out_whole(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(10):
        rows = [f"{x},{'ab'[number % 2]}" for x in rng.normal(size=60)]
        (tmp_path / f"{number}.csv").write_text("\n".join(["x,kind", *rows]))
    cut = {"data.columns": "x", "data.label": "kind", "data.cut": 20, "data.window": 20}
    (kept,), job = statistics(tmp_path, **cut)
    whole = np.concatenate(job.series.sequences)
    np.testing.assert_allclose(kept[0], whole.mean(axis=0), rtol=1e-5)
    held_out = {*(f"{n}.csv" for n in range(10))} - {*job.series.ids}
    assert len(held_out) == 2
    for part, files in ((job.train, {*job.series.ids}), (job.test, held_out)):
        assert {name.partition("@")[0] for name in part.ids} == files
        assert len(part) == 5 * len(files) and {*part.labels.tolist()} == {0, 1}
    # Of a separate probe the windows are the probe's.
    plain = tmp_path.with_name(f"{tmp_path.name}_plain")
    plain.mkdir()
    for number in range(10):
        text = (tmp_path / f"{number}.csv").read_text().replace(",kind", ",note")
        (plain / f"{number}.csv").write_text(text)
    settings = cut | {"data.purity": 1.0}
    config = dataclasses.replace(
        job.config,
        data=f"csv:{plain}",
        probe_data=job.config.data,
        settings=job.config.settings | settings,
    )
    apart = make_job(config)
    assert apart.trained is apart.train and {*apart.train.lengths.tolist()} == {60}
    assert {*apart.probe.train.lengths.tolist()} == {20}
    for file in tmp_path.glob("[1-9].csv"):
        file.unlink()
    with pytest.raises(ValueError, match="Received: one series in .*data.train_cut"):
        statistics(tmp_path, **cut)
