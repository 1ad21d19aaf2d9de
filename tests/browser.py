# SPDX-License-Identifier: Apache-2.0
"""A real browser without a window, driven by DevTools' protocol through two pipes."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--hide-scrollbars --remote-debugging-pipe"
).split()


class Browser:
    """One page. The browser reads descriptor 3 and writes to descriptor 4."""

    def __init__(self, program, profile):
        (read, self._to), (self._from, write) = os.pipe(), os.pipe()
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "-", program, *OPTIONS]
            + [f"--user-data-dir={profile}"],
            pass_fds=(read, write),
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._session, self._number, self._buffer = {}, 0, b""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": session["sessionId"]}
        self.errors = []
        self.call("Page.enable")
        self.call("Runtime.enable")

    def call(self, method, **params):
        """The answer to a command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        os.write(self._to, json.dumps(message | self._session).encode() + b"\0")
        answer = self._wait(lambda x: x.get("id") == self._number)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, page, width=1280, height=900, media="screen", dark=False):
        """Loads a file at a width, as phones do below 600 pixels, on paper or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1},
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.errors = []
        # A page that differs by its fragment alone would not be loaded again.
        self.call("Page.navigate", url="about:blank")
        self._wait(lambda x: x.get("method") == "Page.loadEventFired")
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        self._wait(lambda x: x.get("method") == "Page.loadEventFired")

    def ask(self, script):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script, seconds=60):
        """Until an expression in the page is true."""
        end = time.monotonic() + seconds
        while not self.ask(f"!!({script})"):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.1)

    def press(self, key):
        """A key, by its DOM name."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38}
        codes |= {"ArrowRight": 39, "ArrowDown": 40}
        code = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def picture(self, path, height=None):
        """The page as a PNG: to its end, or its first pixels."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "scale": 1}
        clip["height"] = min(height or size["height"], size["height"])
        shot = self.call(
            "Page.captureScreenshot", clip=clip, captureBeyondViewport=True
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self, path):
        """The page as a PDF."""
        made = self.call("Page.printToPDF", printBackground=False)
        path.write_bytes(base64.b64decode(made["data"]))

    def close(self):
        self._session = {}
        self.call("Browser.close")
        self._process.wait(60)
        os.close(self._to)
        os.close(self._from)

    def _wait(self, is_it, seconds=300):
        end = time.monotonic() + seconds
        while True:
            while b"\0" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\0")
                message = json.loads(line)
                if message.get("method") == "Runtime.exceptionThrown":
                    self.errors.append(message["params"]["exceptionDetails"])
                if is_it(message):
                    return message
            left = end - time.monotonic()
            assert left > 0 and select.select([self._from], [], [], left)[0], "a hang"
            part = os.read(self._from, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """The browser of this machine, or a skip."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("needs chromium or google-chrome on the PATH")
    browser = Browser(program, tmp_path_factory.mktemp("browser") / "profile")
    yield browser
    browser.close()
