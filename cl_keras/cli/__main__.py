# SPDX-License-Identifier: Apache-2.0
"""Lets `python -m cl_keras.cli` stand for `cl-keras`."""

from cl_keras.cli import main

main()
