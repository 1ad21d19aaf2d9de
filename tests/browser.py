# SPDX-License-Identifier: Apache-2.0
"""A real browser without a window."""

import re
import shutil
import subprocess

import pytest

OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--hide-scrollbars"
).split()


class Browser:
    def __init__(self, program, profile):
        self.command = [program, *OPTIONS, f"--user-data-dir={profile}"]

    def run(self, address, *options):
        result = subprocess.run(
            [*self.command, *options, address],
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert result.returncode == 0, result.stderr[-2000:]
        return result

    def open(self, page, *options, fragment=""):
        return self.run(f"{page.resolve().as_uri()}{fragment}", *options).stdout

    @staticmethod
    def facts(dom):
        """Attributes that the page's script leaves on its first element."""
        tag = re.search(r"<html[^>]*>", dom)[0]
        return dict(re.findall(r'data-(\w+)="([^"]*)"', tag))


@pytest.fixture
def browser(tmp_path):
    """The browser of this machine, or a skip."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("needs chromium or google-chrome on the PATH")
    return Browser(program, tmp_path / "profile")
