# SPDX-License-Identifier: Apache-2.0
"""What methods are made of, beside encoders, heads and losses."""
