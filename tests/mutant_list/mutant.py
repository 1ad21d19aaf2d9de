# SPDX-License-Identifier: Apache-2.0
"""What one mutant is."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One small change that makes a claim of the library false.

    Attributes:
        claim: What is wrong then, in plain English.
        file: Where, relative to the repository.
        old: Text that occurs once in that file.
        new: What stands there instead.
        test: The node of pytest that must fail.
    """

    claim: str
    file: str
    old: str
    new: str
    test: str
