# SPDX-License-Identifier: Apache-2.0
"""Records taken apart."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def features_of(serialized: bytes) -> Any:
    """Takes a serialized `tf.train.Example` apart."""
    try:
        return tf.train.Example.FromString(serialized).features.feature
    except Exception as error:  # protobuf's DecodeError; its module is not ours.
        raise ValueError("is no tf.train.Example") from error
