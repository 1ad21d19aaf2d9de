# SPDX-License-Identifier: Apache-2.0
from browser import browser

__all__ = ["browser"]
