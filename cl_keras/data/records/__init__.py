# SPDX-License-Identifier: Apache-2.0
"""TFRecords that know what they hold: an index, checksums, access by row."""
