# SPDX-License-Identifier: Apache-2.0
"""Runs: what the command line does, as functions."""

from cl_keras.runs.compare import compare
from cl_keras.runs.config import TrainConfig, parse_settings
from cl_keras.runs.demo import demo, demo_config
from cl_keras.runs.entry import add_entry, entry_name
from cl_keras.runs.evaluate import evaluate, load_encoder
from cl_keras.runs.jobs.image_figures import draw_plots
from cl_keras.runs.report import write_report
from cl_keras.runs.train import train

__all__ = [
    "TrainConfig",
    "add_entry",
    "compare",
    "demo",
    "demo_config",
    "draw_plots",
    "entry_name",
    "evaluate",
    "load_encoder",
    "parse_settings",
    "train",
    "write_report",
]
