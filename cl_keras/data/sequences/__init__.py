# SPDX-License-Identifier: Apache-2.0
"""Recordings and other sequences, and random windows of them."""
