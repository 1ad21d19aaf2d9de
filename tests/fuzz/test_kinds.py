# SPDX-License-Identifier: Apache-2.0
"""All kinds that are kept: what comes of each, and that nothing else happens.

The outcomes stand in `outcomes.tsv`; `REWRITE=1` before the command writes them anew.
"""

import collections
import os
import tempfile
from pathlib import Path

import pytest

from fuzz import campaign
from fuzz.kind import INSIDES
from fuzz.kinds import KINDS

# Of one kind: seconds of a processor, and megabytes beyond what the process has.
SECONDS, MEGABYTES = 20, 600
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found():
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        events = campaign.run(KINDS, Path(folder))
    if os.environ.get("REWRITE"):
        campaign.write_table(events)
    return events


def test_each_kind_has_the_outcome_of_the_table(found):
    assert len(KINDS) > 500
    table = campaign.read_table()
    got = {name: campaign.cell(event) for name, event in found.items()}
    assert {k: v for k, v in got.items() if table.get(k) != v} == {}
    assert got.keys() == table.keys()


def test_errors_are_of_users_and_name_the_file_or_what_was_typed(found):
    assert {name: x["said"] for name, x in found.items() if not x["clear"]} == {}


def test_nobody_sees_the_insides(found):
    texts = {name: x["said"].partition(": ")[2] for name, x in found.items()}
    assert {name: said for name, said in texts.items() if INSIDES.search(said)} == {}


def test_nothing_is_written_started_or_asked_elsewhere(found):
    assert {name: x["did"] for name, x in found.items() if x["did"]} == {}


def test_none_takes_long_or_much_memory(found):
    for what, most in (("seconds", SECONDS), ("megabytes", MEGABYTES)):
        used = {name: x[what] for name, x in found.items() if what in x}
        assert {name: value for name, value in used.items() if value > most} == {}


def test_figures_of_the_docs(found):
    """Kinds and outcomes by format; `-rP` prints them."""
    counts = collections.defaultdict(collections.Counter)
    for name, event in found.items():
        said = event["said"]
        is_skip = said.startswith("skip:") or "says: Skipped" in said
        is_error = not is_skip and "Error: " in said.partition(" ")[0] + " "
        outcome = "skipped" if is_skip else "error" if is_error else "result"
        counts[KINDS[name].format][outcome] += 1
    for form, row in counts.items():
        print(form, sum(row.values()), *(f"{v} {k}" for k, v in sorted(row.items())))
    total = sum(counts.values(), collections.Counter())
    seconds = sum(x.get("seconds", 0) for x in found.values())
    print(f"{len(found)} kinds: {dict(total)}; {seconds:.0f} s of one processor")
    print("largest:", max(x.get("megabytes", 0) for x in found.values()), "MB")
