# SPDX-License-Identifier: Apache-2.0
"""Encoders as SavedModels: writing them, and checking them as a server would."""

from cl_keras.export.bulk.embedding import bulk_embedding
from cl_keras.export.bulk.job import RecordEntry, SourceFile
from cl_keras.export.bundle.kit import serving_kit
from cl_keras.export.checker import CheckReport, CheckRow, check
from cl_keras.export.client.client import EmbeddingClient, Embeddings
from cl_keras.export.client.errors import ServingError
from cl_keras.export.runtimes.litert import litert
from cl_keras.export.runtimes.onnx import onnx
from cl_keras.export.writer import saved_model

__all__ = [
    "CheckReport",
    "CheckRow",
    "EmbeddingClient",
    "Embeddings",
    "RecordEntry",
    "ServingError",
    "SourceFile",
    "bulk_embedding",
    "check",
    "litert",
    "onnx",
    "saved_model",
    "serving_kit",
]
