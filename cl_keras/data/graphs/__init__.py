# SPDX-License-Identifier: Apache-2.0
"""Graphs: readers, batches, sampled subgraphs and GraphTensor records."""
