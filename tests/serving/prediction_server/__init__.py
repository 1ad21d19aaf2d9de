# SPDX-License-Identifier: Apache-2.0
"""A server for tests: TensorFlow Serving's two interfaces before its C++ loader.

It stands in where the real server cannot run. It is no product: no batching but
for the largest batch that a test names, no polling, one process, and Python between the
network and the loader.
"""
