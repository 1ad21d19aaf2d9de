# SPDX-License-Identifier: Apache-2.0
"""The pictures of a report in the documentation, taken by a browser.

    make pictures
    make pictures OTHER=runs/byol

`docs/report.png` is the page at the width of a desktop, `report_phone.png` at that of a
phone; with a second run, `docs/report_comparison.png` has both beside each other.
"""

import argparse
import tempfile
from pathlib import Path

from browser import Browser, find_browser

from cl_keras.runs.report import compare_runs, write_report

DOCS = Path(__file__).resolve().parents[1] / "docs"
# To the end of the learning curves on a desktop, of the scores on a phone.
HEIGHTS = {1280: 1500, 390: 1400}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", type=Path)
    options.add_argument("other", type=Path, nargs="?")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(find_browser(), Path(folder, "profile"))
        page = write_report(given.run).resolve()
        for name, width in (("report", 1280), ("report_phone", 390)):
            browser.open(page, width)
            browser.picture(DOCS / f"{name}.png", HEIGHTS[width])
        if given.other:
            runs = [given.run, given.other]
            browser.open(compare_runs(runs, Path(folder, "page.html")), 1280)
            browser.picture(DOCS / "report_comparison.png", HEIGHTS[1280])
        browser.close()


if __name__ == "__main__":
    main()
