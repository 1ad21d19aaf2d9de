# SPDX-License-Identifier: Apache-2.0
"""Features of any number of files, on Apache Beam."""
