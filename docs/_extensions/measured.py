# SPDX-License-Identifier: Apache-2.0
"""What `results.md` says of one method: rows, and the command that printed them."""

from __future__ import annotations

import re
from itertools import groupby

from mdit_py_plugins.anchors.index import slugify

# Rows that a method's own are compared with.
BASELINES = re.compile(r"random weights|raw |published", re.IGNORECASE)
OF_ABOVE = re.compile(r"its encoders? ", re.IGNORECASE)


def of_method(title: str, results: str) -> str:
    """The numbers of a method, as Markdown."""
    name = re.compile(rf"{re.escape(title)}(?=$|[ ,(:])", re.IGNORECASE)
    found = []
    for section in re.split(r"^## ", results, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        tables = [table(block) for block in body.split("\n\n") if block.startswith("|")]
        if name.match(heading):
            rows = tables[0] if tables else []
        else:
            rows = next(filter(None, (chosen(lines, name) for lines in tables)), [])
        if rows:
            found.append(shown(heading, command(body), rows))
    return "\n\n".join(found)


def table(block: str) -> list[str]:
    """The lines of a table."""
    return [line for line in block.splitlines() if line.startswith("|")]


def chosen(lines: list[str], name: re.Pattern[str]) -> list[str]:
    """A table's head, the rows of a method and those to compare with, if it has any."""
    rows, own, found = lines[:2], False, False
    for line in lines[2:]:
        cell = first_cell(line)
        # "Its encoder ..." is of the row above.
        if name.match(cell) or BASELINES.match(cell) or (own and OF_ABOVE.match(cell)):
            rows.append(line)
        own = bool(name.match(cell))
        found = found or own
    return rows if found else []


def first_cell(line: str) -> str:
    """What a row is of."""
    return line.split("|")[1].strip().strip("`")


def command(body: str) -> str:
    """The first block of commands."""
    for indented, lines in groupby(body.splitlines(), lambda x: x.startswith("    ")):
        if indented:
            return "\n".join(line[4:] for line in lines)
    return ""


def shown(heading: str, commands: str, rows: list[str]) -> str:
    """Rows below a link to their section, and the command, folded."""
    parts = [f"**[{heading}](../results.md#{slugify(heading)})**", "\n".join(rows)]
    if commands:
        parts.append(f":::{{dropdown}} The command\n```bash\n{commands}\n```\n:::")
    return "\n\n".join(parts)
