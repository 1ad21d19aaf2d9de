# SPDX-License-Identifier: Apache-2.0
"""Changes that each make one claim of the library false, and the test that sees it.

`tests/mutants.py` makes them, one at a time.
"""

from mutant_list import losses, methods, runs, serving
from mutant_list.mutant import Mutant

__all__ = ["MUTANTS", "Mutant"]

MUTANTS = losses.MUTANTS + methods.MUTANTS + runs.MUTANTS + serving.MUTANTS
