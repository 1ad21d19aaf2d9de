# SPDX-License-Identifier: Apache-2.0
"""The command line: parses arguments, calls `cl_keras.runs`, prints the result."""

from __future__ import annotations

import os
import sys
import warnings

import typer

from cl_keras.cli.compare import compare
from cl_keras.cli.compare_encoders import compare_encoders
from cl_keras.cli.data_service import data_service
from cl_keras.cli.doctor import doctor
from cl_keras.cli.embed import embed
from cl_keras.cli.evaluate import evaluate
from cl_keras.cli.export import check, export
from cl_keras.cli.methods import methods
from cl_keras.cli.neighbors import neighbors
from cl_keras.cli.onednn import use_onednn
from cl_keras.cli.output import print_error
from cl_keras.cli.pack import pack
from cl_keras.cli.quiet import quiet_decoding, quiet_start
from cl_keras.cli.report import report
from cl_keras.cli.serving_kit import serving_kit
from cl_keras.cli.train import demo, train
from cl_keras.cli.tune import tune
from cl_keras.cli.zoo import app as zoo_app

app = typer.Typer(
    name="cl-keras",
    help="Contrastive representation learning for Keras 3 on TensorFlow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_COMMANDS = (
    *(demo, train, tune, compare, evaluate, report, pack, embed, neighbors),
    *(export, check, serving_kit, compare_encoders),
    *(data_service, methods, doctor),
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(zoo_app, name="zoo")

# What a user can mend; anything else is a defect and keeps its traceback.
_USER_ERRORS = (ValueError, OSError, ImportError, RuntimeError)


def main() -> None:
    """Runs the command line; user errors become one line and exit code 1."""
    use_onednn()
    quiet_start()
    # One line for a user, who has no use for the library's own line of code.
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    # A run says these on its console by itself.
    for said in (r"Epoch \d+: ", "the encoder is getting worse"):
        warnings.filterwarnings("ignore", said, RuntimeWarning)
    try:
        with quiet_decoding():
            app()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    except _USER_ERRORS as error:
        if os.environ.get("CL_KERAS_TRACEBACK"):
            raise
        print_error(error)
        sys.exit(1)
