# SPDX-License-Identifier: Apache-2.0
"""The guides have one form."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = [x for x in sorted(DOCS.glob("guides/*.md")) if x.stem != "index"]
# Pages to look things up in.
REFERENCE = ("data", "image_files", "runtimes", "which_method")


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_says_what_one_gets_what_goes_wrong_and_where_next(page):
    text = page.read_text()
    assert "\n\n**You get** " in text
    assert f"\n{page.stem}\n" in (DOCS / "guides" / "index.md").read_text()
    parts = re.findall(r"^## (.+)", text, re.M)
    assert parts[-1] == "Next"
    assert page.stem in REFERENCE or "What goes wrong most often" in parts
