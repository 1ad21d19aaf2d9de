# SPDX-License-Identifier: Apache-2.0
"""A client of encoders that TensorFlow Serving offers."""

from cl_keras.export.client.client import EmbeddingClient, Embeddings
from cl_keras.export.client.errors import ServingError

__all__ = ["EmbeddingClient", "Embeddings", "ServingError"]
