# SPDX-License-Identifier: Apache-2.0
"""The report of a run, or of several: one HTML file that opens offline."""

from cl_keras.runs.report.comparison import compare_runs
from cl_keras.runs.report.page import write_report

__all__ = ["compare_runs", "write_report"]
