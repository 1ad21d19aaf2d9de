# SPDX-License-Identifier: Apache-2.0
"""Files of a run: whole, and written by one process at a time."""

import json
import os

import pytest

from cl_keras.runs import TrainConfig
from cl_keras.runs.run_files import (
    CONFIG_FILE,
    METRICS_FILE,
    alone,
    cut_history,
    read_history,
)


def test_a_last_line_that_is_cut_off_is_none(tmp_path):
    rows = [{"epoch": n, "loss": 1.0} for n in (1, 2)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / METRICS_FILE).write_text(text + '{"epoch": 3, "lo')
    assert read_history(tmp_path) == rows
    cut_history(tmp_path, 2)
    assert (tmp_path / METRICS_FILE).read_text() == text
    (tmp_path / METRICS_FILE).write_text('{"epoch": 1, "lo\n' + text)
    with pytest.raises(ValueError, match="one JSON object a line"):
        read_history(tmp_path)


def test_one_process_at_a_time(tmp_path):
    with alone(tmp_path / "run"):
        with pytest.raises(RuntimeError, match=r"Another process trains into .*run"):
            with alone(tmp_path / "run"):
                pass
    with alone(tmp_path / "run"):
        assert os.listdir(tmp_path) == ["run"]


def test_a_configuration_and_a_log_stay_until_the_new_ones_are_whole(
    tmp_path, monkeypatch
):
    config = TrainConfig.for_method("simclr", data="digits", out=str(tmp_path))
    config.save(tmp_path / CONFIG_FILE)
    (tmp_path / METRICS_FILE).write_text('{"epoch": 1}\n')

    def broken(source, target):
        raise OSError("cut off here")

    monkeypatch.setattr(os, "replace", broken)
    for write in (
        lambda: config.save(tmp_path / CONFIG_FILE, more=1),
        lambda: cut_history(tmp_path, 0),
    ):
        with pytest.raises(OSError, match="cut off here"):
            write()
    assert TrainConfig.load(tmp_path / CONFIG_FILE) == config
    assert read_history(tmp_path) == [{"epoch": 1}]
    assert len(os.listdir(tmp_path)) == 2
