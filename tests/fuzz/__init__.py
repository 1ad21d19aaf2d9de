# SPDX-License-Identifier: Apache-2.0
"""Malformed and hostile input: kinds that are kept, and a search for further ones."""
