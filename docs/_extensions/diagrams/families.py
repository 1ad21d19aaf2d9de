# SPDX-License-Identifier: Apache-2.0
"""A picture of the idea of each family of methods."""

from __future__ import annotations

from diagrams.drawing import (
    arc,
    arrow,
    box,
    dot,
    graph,
    image,
    line,
    matrix,
    sound,
    svg,
    text,
)


def _diagonal(row: int, column: int) -> str:
    return "strong" if row == column else "weak"


def _two_views(example: str = "image") -> list[str]:
    """An example, two views of it and the networks that both go through."""
    labels = ("encoder", "projector")
    whole = image(40, 110) if example == "image" else sound(40, 110)
    parts = [whole, text(40, 150, f"{'an' if example == 'image' else 'a'} {example}")]
    for y, zoom, shift in ((60, 1.7, 6.0), (160, 1.4, -9.0)):
        view = image(134, y, zoom, shift) if example == "image" else sound(138, y)
        parts += [arrow((70, 110), (104, y)), view]
        x = 134.0
        for label in labels:
            parts += [arrow((x + (30 if x == 134 else 44), y), (x + 62, y))]
            x += 106
            parts.append(box(x, y, label))
    return [*parts, text(134, 206, "two random views", "note")]


def negatives(example: str = "image") -> str:
    """Contrast with the other examples of the batch."""
    parts = _two_views(example)
    parts += [arrow((390, 60), (488, 86)), arrow((390, 160), (488, 134))]
    parts += [matrix(496, 44, 5, _diagonal)]
    parts += [
        text(555, 28, "second views", "note"),
        text(662, 72, f"same {example}\ncloser"),
    ]
    parts += [text(662, 142, f"other {example}s\napart", "note")]
    parts += [text(555, 186, "similarities of all pairs of a batch", "note")]
    return svg(parts, 220, f"The other view of each {example} is found among others")


def prediction(example: str = "image") -> str:
    """Prediction of the other view's embedding, without negatives."""
    parts = _two_views(example)
    parts += [arrow((390, 60), (420, 60)), box(464, 60, "predictor")]
    parts += [arrow((506, 60), (566, 84)), dot(578, 92, radius=8)]
    parts += [line((390, 160), (430, 160)), text(478, 160, "no gradient", "note")]
    parts += [arrow((524, 156), (566, 136)), dot(578, 128, "weak", 8)]
    parts += [
        arrow((240, 82), (240, 138), "dashed"),
        arrow((346, 82), (346, 138), "dashed"),
    ]
    parts += [text(293, 110, "the same, or\nfollows slowly", "note")]
    parts += [text(646, 110, "predicted and\nreal agree")]
    return svg(parts, 220, "One view predicts the embedding of the other")


def redundancy() -> str:
    """Dimensions that agree between views and differ from one another."""
    parts = _two_views()
    parts += [arrow((390, 60), (488, 86)), arrow((390, 160), (488, 134))]
    parts += [matrix(496, 44, 5, _diagonal)]
    parts += [text(555, 28, "dimensions of one view", "note")]
    parts += [text(662, 72, "same: agree")]
    parts += [text(668, 142, "different:\nnot at all", "note")]
    parts += [text(555, 186, "correlations of dimensions", "note")]
    return svg(parts, 220, "The same dimensions of two views agree, others do not")


def clusters() -> str:
    """Assignments to prototypes that one view predicts of the other."""
    parts = _two_views()
    parts += [arrow((390, 60), (440, 84)), arrow((390, 160), (440, 136))]
    for x, y in ((468, 56), (524, 110), (470, 166)):
        parts.append(
            f'<path class="proto" d="M {x} {y - 11} L {x + 10} {y + 7} '
            f'L {x - 10} {y + 7} Z"/>'
        )
    parts += [dot(492, 96, radius=7), dot(488, 124, "weak", 7)]
    parts += [
        arrow((498, 98), (513, 106), "thin"),
        arrow((494, 122), (513, 114), "thin"),
    ]
    for y, heights, kind in ((76, (8, 40, 12), "strong"), (176, (10, 34, 14), "weak")):
        parts += [
            f'<rect class="{kind}" x="{604 + 22 * n}" y="{y - h}" width="16" '
            f'height="{h}" rx="2"/>'
            for n, h in enumerate(heights)
        ]
    parts += [arrow((634, 138), (634, 84), "line"), text(634, 26, "assigned")]
    parts += [text(634, 200, "predicted", "note"), text(496, 206, "prototypes", "note")]
    return svg(parts, 220, "One view predicts the prototype of the other")


def time() -> str:
    """Prediction of what comes, found among other moments."""
    parts = [sound(60 + 70 * n, 40) for n in range(9)]
    parts += [box(60 + 70 * n, 96, f"z{n + 1}", "box", 46) for n in range(9)]
    parts += [arrow((60 + 70 * n, 60), (60 + 70 * n, 76), "thin") for n in range(9)]
    parts += [arrow((60 + 70 * n, 116), (60 + 70 * n, 142), "thin") for n in range(5)]
    parts += [box(60 + 70 * n, 162, f"c{n + 1}", "box", 46) for n in range(5)]
    parts += [arrow((84 + 70 * n, 162), (105 + 70 * n, 162), "thin") for n in range(4)]
    for n in (5, 6, 7):
        parts.append(arrow((364, 156), (60 + 70 * n, 118), "accent"))
    parts += [text(520, 176, "the context predicts the steps ahead")]
    parts += [text(200, 206, "contexts sum up the past", "note")]
    parts += [text(520, 200, "and finds each among other moments", "note")]
    return svg(parts, 222, "A context predicts steps ahead and finds them")


def locations() -> str:
    """A code that finds its own image's locations among those of others."""
    parts = [image(44, 62), image(44, 162, 1.3, -8.0)]
    parts += [arrow((72, y), (104, y)) for y in (62, 162)]
    parts += [box(152, y, "first layers") for y in (62, 162)]
    parts += [arrow((196, y), (226, y)) for y in (62, 162)]
    parts += [matrix(234, 22, 4, lambda *_: "strong", 20)]
    parts += [matrix(234, 122, 4, lambda *_: "weak", 20)]
    parts += [text(273, 112, "maps of features", "note")]
    parts += [arrow((320, 62), (352, 62)), box(404, 62, "last layers")]
    parts += [
        arrow((448, 62), (486, 62)),
        dot(500, 62, radius=9),
        text(500, 36, "code"),
    ]
    parts += [arc((492, 72), (318, 92), -60, "accent")]
    parts += [arc((498, 76), (318, 172), -110, "dashed")]
    parts += [text(622, 62, "finds the locations\nof its own image")]
    parts += [text(622, 150, "among those of\nother images", "note")]
    return svg(parts, 214, "A code finds the locations of its own image")


def pairs() -> str:
    """Two kinds of inputs, with an encoder each."""
    parts = [image(50, 60), sound(52, 160)]
    parts += [text(58, 206, "belong together", "note")]
    for y, name in ((60, "encoder A"), (160, "encoder B")):
        parts += [arrow((88, y), (124, y)), box(176, y, name, width=96)]
        parts += [arrow((226, y), (262, y)), box(310, y, "projector", width=90)]
    parts += [arrow((358, 60), (468, 86)), arrow((358, 160), (468, 134))]
    parts += [matrix(480, 44, 5, _diagonal)]
    parts += [text(539, 186, "similarities of all pairs of a batch", "note")]
    parts += [
        text(656, 72, "partners\ncloser"),
        text(656, 142, "others\napart", "note"),
    ]
    return svg(parts, 220, "Each input finds its partner among those of all pairs")


def corruption() -> str:
    """Nodes of a graph told from those of a corrupted one."""
    parts = [graph(60, 58), graph(60, 164, (2, 0, 1, 1, 2, 0))]
    parts += [text(60, 108, "a graph", "note"), text(60, 212, "corrupted", "note")]
    for y in (58, 164):
        parts += [
            arrow((112, y), (150, y)),
            box(198, y, "encoder"),
            arrow((242, y), (282, y)),
        ]
    parts += [graph(334, 58), graph(334, 164, (2, 0, 1, 1, 2, 0))]
    parts += [arrow((384, 58), (432, 94)), box(484, 110, "summary", width=92)]
    parts += [
        arrow((384, 46), (588, 46), "accent"),
        arrow((384, 176), (588, 176), "dashed"),
    ]
    parts += [line((522, 90), (560, 48), "thin"), line((522, 130), (560, 174), "thin")]
    parts += [text(650, 46, "belongs to it"), text(650, 176, "does not", "note")]
    return svg(parts, 226, "Nodes of a graph are told from those of a corrupted graph")


def graph_views() -> str:
    """Two views of a graph."""
    parts = [graph(54, 110), text(54, 164, "a graph", "note")]
    for y, gone in ((58, (1, 4)), (164, (0, 6))):
        parts += [arrow((100, 110), (138, y)), graph(188, y, left_out=gone)]
        parts += [arrow((236, y), (272, y)), box(320, y, "encoder")]
        parts += [arrow((364, y), (404, y)), graph(456, y, left_out=gone)]
    parts += [
        line((456 + dx, 58 + dy + 8), (456 + dx, 164 + dy - 8), "accent")
        for dx, dy in ((-34, -6), (28, -22), (-18, 28))
    ]
    parts += [text(188, 214, "edges and features left out", "note")]
    parts += [text(610, 110, "the same node of\nboth views agrees")]
    return svg(parts, 226, "The same node of two views of a graph agrees")


def rebuilding() -> str:
    """An image rebuilt from its features."""
    parts = [image(50, 60), text(50, 104, "an image, or\na corrupted one", "note")]
    parts += [
        arrow((80, 60), (130, 60)),
        box(182, 60, "encoder"),
        arrow((226, 60), (276, 60)),
    ]
    parts += [dot(292, 60, radius=9), text(292, 34, "features")]
    parts += [
        arrow((308, 60), (356, 60)),
        box(404, 60, "decoder"),
        arrow((448, 60), (498, 60)),
    ]
    parts += [image(530, 60), text(636, 60, "as close to the\nimage as it can")]
    return svg(parts, 132, "An image is rebuilt from its features")
