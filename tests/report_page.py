# SPDX-License-Identifier: Apache-2.0
"""What tests read a report with, and write for one to tell."""

import json
import re
from html.parser import HTMLParser

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Collects texts and references, and checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.references, self.tags, self.headings = [], [], [], []
        self.classes, self.text, self.content = [], "", None
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        known = dict(attributes)
        self.references += [v for k, v in attributes if k in ("src", "href")]
        self.classes += (known.get("class") or "").split()
        self.is_content = known.get("id") == "content"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            if self.is_content:
                self.content = json.loads(data)
            return
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if "style" not in self.open:
            self.text += data


def lines_of(page):
    """The drawn lines: what has a name to show and is no area."""
    return re.findall(r'<title>[^<]*</title><path d="(M [^"z]*)"', page)


def summary(run, **values):
    base = {"method": "simclr", "data": "digits", "seed": 3, "epochs": 3}
    (run / "summary.json").write_text(
        json.dumps({**base, "seconds": 93.4, "loss": 1.0, **values})
    )


def small_run(folder):
    """A run of three epochs without scores."""
    run = folder / "run"
    run.mkdir()
    history = [{"epoch": i, "loss": 3.0 / i, "rank_me": 5.0 + i} for i in (1, 2, 3)]
    lines = "".join(json.dumps(row) + "\n" for row in history)
    (run / "metrics.jsonl").write_text(lines)
    config = {
        "command": "cl-keras train simclr --set 'name=a <b>'",
        "environment": {"devices": ["CPU"], "python": "3.11"},
        "patience": None,
        "batch_size": 64,
        "augment": {"strength": 0.5},
        "note": "<script>alert(1)</script>",
    }
    (run / "config.json").write_text(json.dumps(config))
    return run
