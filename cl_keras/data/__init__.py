# SPDX-License-Identifier: Apache-2.0
"""Image data by name, and tf.data pipelines for training and prediction."""

from cl_keras.data.image_data import ImageData
from cl_keras.data.pipelines import batches, two_views
from cl_keras.data.sources import load, load_splits

__all__ = ["ImageData", "batches", "load", "load_splits", "two_views"]
