# SPDX-License-Identifier: Apache-2.0
"""Runs on time series in CSV files."""

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
        settings={"encoder.channels": 4, "encoder.context": 4} | settings,
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
