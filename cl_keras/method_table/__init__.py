# SPDX-License-Identifier: Apache-2.0
"""The table of methods: one row a method; README, command line and tests follow.

It stands by itself, without TensorFlow, which `cl_keras.methods` needs.
"""

from __future__ import annotations

from cl_keras.method_table import graphs, images, pairs, sequences, views
from cl_keras.method_table.row import Method
from cl_keras.registry import unknown

__all__ = ["METHODS", "Method", "get"]

METHODS: dict[str, Method] = {
    **views.ROWS,
    **pairs.ROWS,
    **images.ROWS,
    **sequences.ROWS,
    **graphs.ROWS,
}


def get(name: str) -> Method:
    """Looks a method up.

    Args:
        name: A key of `METHODS`.

    Returns:
        Its row.

    Raises:
        ValueError: If there is no such method; near names are suggested.

    Example:
    >>> get("simclr").title
    'SimCLR'
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
