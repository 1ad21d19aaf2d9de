# SPDX-License-Identifier: Apache-2.0
"""Scores of several encoders side by side: `cl_keras.show.score_plots`."""

from cl_keras.show.score_plots import score_bars

__all__ = ["score_bars"]
