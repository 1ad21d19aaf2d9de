# SPDX-License-Identifier: Apache-2.0
"""What an exported encoder tells of where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

import cl_keras


def checked_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Checks that what is to be kept with an export is JSON."""
    try:
        values: dict[str, Any] = json.loads(
            json.dumps(dict(metadata or {}), allow_nan=False)
        )
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Expected metadata of JSON values ({error}). Received: {metadata!r}"
        ) from error
    return values


def library_versions() -> dict[str, str]:
    """Returns the versions of the libraries that export."""
    return {
        "cl_keras": cl_keras.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }
