# SPDX-License-Identifier: Apache-2.0
"""Pairs of inputs of two kinds."""
