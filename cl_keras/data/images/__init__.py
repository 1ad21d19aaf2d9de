# SPDX-License-Identifier: Apache-2.0
"""Images in memory and the pipelines that make batches and views of them."""
