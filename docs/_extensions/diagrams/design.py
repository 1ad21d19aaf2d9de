# SPDX-License-Identifier: Apache-2.0
"""Pictures of how the library works."""

from __future__ import annotations

from diagrams.drawing import arc, arrow, box, image, line, matrix, svg, text


def step() -> str:
    """One training step: what a method writes, and what is shared."""
    names = ("batch", "encode", "relate", "objective", "share", "gradient", "update")
    places = [52 + 102 * n for n in range(7)]
    own = {"encode", "relate", "objective"}
    parts = [
        box(x, 80, name, "own" if name in own else "box", 80)
        for x, name in zip(places, names, strict=True)
    ]
    parts += [arrow((x + 40, 80), (x + 62, 80)) for x in places[:-1]]
    parts += [text((places[1] + places[3]) / 2, 34, "a method writes these")]
    parts += [line((places[1] - 40, 50), (places[3] + 40, 50), "accent")]
    parts += [text(places[5], 34, "shared by all methods", "note")]
    parts += [line((places[4] - 40, 50), (places[6] + 40, 50), "thin")]
    under = (
        "views of\nexamples",
        "each example\nby itself",
        "examples with\none another",
    )
    under += ("one loss\nan example", "of the global\nmean", "summed over\nreplicas")
    under += ("then queues\nand targets",)
    parts += [
        text(x, 130, words, "note") for x, words in zip(places, under, strict=True)
    ]
    return svg(parts, 160, "The parts of a training step")


def replicas() -> str:
    """Two replicas that compute what one device computes."""
    parts = []
    for y, name, row in ((66, "replica 1", 0), (176, "replica 2", 1)):
        parts += [text(40, y, name), box(132, y, "its half\nof the batch", width=96)]
        parts += [arrow((182, y), (214, y)), box(262, y, "encoder", width=90)]
        parts += [arrow((308, y), (352, 121)), arrow((444, 121), (486, y))]

        def kind(r: int, c: int, first: int = 2 * row) -> str:
            own = first <= r < first + 2
            return ("strong" if r == c else "weak") if own else "empty"

        parts += [matrix(494, y - 40, 4, kind, 20)]
        parts += [
            text(640, y, "its own rows,\nall columns" if not row else "the other rows")
        ]
    parts += [box(398, 121, "gather", "own", 88)]
    parts += [arc((486, 196), (262, 200), -46, "dashed")]
    parts += [
        text(
            380,
            236,
            "gradients return to where a row came from, and are summed",
            "note",
        )
    ]
    return svg(
        parts, 252, "Replicas gather embeddings, each computes its rows of the loss"
    )


def preprocessing() -> str:
    """The same steps in training, in evaluation and in the server."""
    parts = [image(44, 96), text(44, 140, "JPEG, PNG,\nWebP, ...", "note")]
    names = (
        "decode",
        "turn as\nExif says",
        "resize",
        "central\ncrop",
        "to [0, 1]",
        "encoder",
    )
    places = [134 + 92 * n for n in range(6)]
    parts += [arrow((72, 96), (94, 96))]
    parts += [
        box(x, 96, name, "own" if name == "encoder" else "box", 74)
        for x, name in zip(places, names, strict=True)
    ]
    parts += [arrow((x + 37, 96), (x + 55, 96)) for x in places[:-1]]
    parts += [arrow((places[-1] + 37, 96), (places[-1] + 58, 96))]
    parts += [text(684, 96, "features")]
    parts += [line((94, 58), (631, 58), "accent")]
    parts += [text(362, 40, "one SavedModel: the signature image_bytes")]
    return svg(parts, 170, "Preprocessing is part of the exported graph")


def entry() -> str:
    """What an entry of the zoo is, and how it is checked."""
    names = ("recipe", "run", "files", "row and card")
    places = [90, 270, 450, 630]
    under = (
        "settings, seed,\npublished numbers",
        "weights, scores,\nbaselines",
        "encoder, SavedModel,\nSHA-256 of each",
        "licence, limits,\nhow to cite",
    )
    parts = [box(x, 60, n, "box", 116) for x, n in zip(places, names, strict=True)]
    parts += [arrow((x + 58, 60), (x + 122, 60)) for x in places[:-1]]
    parts += [text(180, 44, "train", "note"), text(360, 44, "zoo add", "note")]
    parts += [
        text(x, 112, words, "note") for x, words in zip(places, under, strict=True)
    ]
    parts += [arc((630, 138), (270, 138), -44, "dashed")]
    parts += [text(450, 178, "zoo verify --scores computes the numbers again", "note")]
    return svg(parts, 194, "From a recipe to an entry of the zoo, and back")
