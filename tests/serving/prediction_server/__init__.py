# SPDX-License-Identifier: Apache-2.0
"""A server for tests: TensorFlow Serving's two interfaces before its C++ loader.

It stands in where the real server cannot run. It is no product: no batching, no
polling, no limits, one process, and Python between the network and the loader.
"""
