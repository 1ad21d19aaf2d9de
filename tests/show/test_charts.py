# SPDX-License-Identifier: Apache-2.0
import re
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from cl_keras.show.charts import graph_chart, line_chart, share_chart
from cl_keras.show.style import FAINT, INK, PALETTE, colors_of

NAMES = ("a <b>", 'c "d"')
COLORS = colors_of(NAMES)


def lines(title="t", **options):
    points = [(x, 10.0**-x) for x in range(1, 6)]
    return line_chart(title, dict.fromkeys(NAMES, points), COLORS, **options)


CHARTS = {
    "lines": lines,
    "shares": lambda: share_chart(
        "t", [0, 0.5, 1], dict.fromkeys(NAMES, [0.25, 0.75]), COLORS, "cosine"
    ),
    "graph": lambda: graph_chart(
        "t", [(0, 0, PALETTE[0], NAMES[0]), (1, 0, PALETTE[1], NAMES[1])], [(0, 1)]
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_names_what_it_shows_in_the_colours_of_the_page(name):
    text = CHARTS[name]()
    root = ElementTree.fromstring(text)
    assert root.attrib["role"] == "img" and root.attrib["aria-label"] == "t"
    assert [title.text for title in root.iter("title")] == sorted(
        NAMES,
        reverse=name == "graph",  # The centre is drawn last.
    )
    assert all(color in text for color in COLORS.values())
    # Light or dark is left to the page, and nothing of it is changed from here.
    assert not {INK, FAINT} & set(re.findall("#[0-9a-f]{6}", text))
    assert "<style" not in text and "font-family" not in text and "http" not in text


def test_text_stays_text_and_values_keep_their_digits():
    root = ElementTree.fromstring(lines(logarithmic=True, x_title="dimension"))
    texts = [text.text for text in root.iter("text")]
    assert {"dimension", "0.1", "0.01", "0.001", "0.0001", "1e-05"} <= {*texts}


def test_shapes_of_two_charts_have_different_names():
    first, second = (set(re.findall(r' id="(\w+)"', lines(title))) for title in "ab")
    assert first and not first & second


def test_names_that_xml_does_not_allow_are_shown_as_far_as_it_does():
    text = graph_chart("t", [(0, 0, PALETTE[0], "e\0\x0bf")], [])
    assert ElementTree.fromstring(text).findtext(".//title") == "ef"


def test_nothing_to_draw_is_no_chart():
    assert line_chart("t", {"a": [(1, float("nan"))]}, {"a": INK}) == ""
    assert line_chart("t", {"a": [(1, -1.0)]}, {"a": INK}, logarithmic=True) == ""


@pytest.mark.parametrize("count", [1, 10, 11, 200])
def test_every_name_has_a_colour_of_its_own(count):
    colors = colors_of([str(name) for name in range(count)])
    assert len(set(colors.values())) == len(colors) == count
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in colors.values())
