# SPDX-License-Identifier: Apache-2.0
"""Runs: what the command line does, as functions."""

from cl_keras.runs.bulk_embed import embed_in_bulk
from cl_keras.runs.checkpoint import Checkpoint, Interrupted, restore
from cl_keras.runs.choose import Plan, choose
from cl_keras.runs.command import configure, parse_settings, parse_tries
from cl_keras.runs.compare import compare
from cl_keras.runs.compare_encoders import compare_encoders
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.demo import demo, demo_config
from cl_keras.runs.doctor import doctor
from cl_keras.runs.embed import embed
from cl_keras.runs.encoder_names import load_encoder
from cl_keras.runs.entry import add_entry, entry_name
from cl_keras.runs.evaluate import evaluate
from cl_keras.runs.export_encoder import export_encoder
from cl_keras.runs.import_entry import import_entry
from cl_keras.runs.jobs.figures import draw_plots
from cl_keras.runs.neighbors import neighbors
from cl_keras.runs.pace import Pace
from cl_keras.runs.pack import pack
from cl_keras.runs.renew import renew_entry
from cl_keras.runs.report import write_report
from cl_keras.runs.train import train
from cl_keras.runs.tune import tune
from cl_keras.runs.verify_scores import verify_scores

__all__ = [
    "Checkpoint",
    "Interrupted",
    "Pace",
    "Plan",
    "TrainConfig",
    "add_entry",
    "choose",
    "compare",
    "compare_encoders",
    "configure",
    "demo",
    "demo_config",
    "doctor",
    "draw_plots",
    "embed",
    "embed_in_bulk",
    "entry_name",
    "evaluate",
    "export_encoder",
    "import_entry",
    "load_encoder",
    "neighbors",
    "pack",
    "parse_settings",
    "parse_tries",
    "renew_entry",
    "restore",
    "train",
    "tune",
    "verify_scores",
    "write_report",
]
