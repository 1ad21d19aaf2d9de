# SPDX-License-Identifier: Apache-2.0
"""What TensorFlow Serving takes beside a SavedModel.

In the version folder: warm-up requests and batching parameters. Beside the versions:
the serving kit, with the configuration of servers, containers and clients.
"""
