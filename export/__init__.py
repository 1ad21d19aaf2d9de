# SPDX-License-Identifier: Apache-2.0
"""Encoders as SavedModels: writing them, and checking them as a server would."""

from cl_keras.export.checker import CheckReport, CheckRow, check
from cl_keras.export.writer import saved_model

__all__ = ["CheckReport", "CheckRow", "check", "saved_model"]
