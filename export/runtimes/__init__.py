# SPDX-License-Identifier: Apache-2.0
"""Encoders for other runtimes than TensorFlow: LiteRT, ONNX Runtime, OpenVINO."""
