# SPDX-License-Identifier: Apache-2.0
"""A real browser without a window."""

import pytest
from browser import Browser, find_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """The browser of this machine, or a skip."""
    program = find_browser()
    if program is None:
        pytest.skip("needs chromium or google-chrome on the PATH")
    browser = Browser(program, tmp_path_factory.mktemp("browser") / "profile")
    yield browser
    browser.close()
