# SPDX-License-Identifier: Apache-2.0
"""Sections that show inputs: views, neighbourhoods, the map and nearest neighbours."""

from __future__ import annotations

import html

from cl_keras.runs.report.charts import graph_drawing
from cl_keras.runs.report.marks import class_colors, csv_link, legend, section, tile
from cl_keras.runs.report.run_data import RunData

_PLAIN = "#8a94a3"


def views(run: RunData) -> str:
    """What training sees of some inputs: columns of the sheet `views`."""
    if "views" not in run.sprites or "views" not in run.tables:
        return ""
    sprite, table = run.sprites["views"], run.tables["views"]
    names = sprite["row_names"]
    columns = []
    for place, row in enumerate(table.rows):
        tiles = "".join(
            f"<div>{tile(run, 'views', line * int(sprite['columns']) + place, name)}"
            f"<small>{html.escape(name)}</small></div>"
            for line, name in enumerate(names)
        )
        facts = " · ".join(
            f"{title.replace('_', ' ')} {float(value):.2f}"
            for title, value in zip(table.header[1:], row[1:], strict=True)
        )
        columns.append(
            f'<div class="views">{tiles}<small>{html.escape(facts)}</small></div>'
        )
    note = (
        f"Test examples ({names[0]}) and {len(names) - 1} random views of each, as in "
        "training."
    )
    grid = f'<div class="strip">{"".join(columns)}</div>{csv_link("views")}'
    return section("Inputs and views", grid, note)


def neighbourhoods(run: RunData) -> str:
    """The surroundings of some nodes."""
    if not {"neighbourhood_nodes", "neighbourhood_edges"} <= set(run.tables):
        return ""
    nodes, edges = (
        run.tables[f"neighbourhood_{part}"].rows for part in ("nodes", "edges")
    )
    colors = class_colors(run)
    drawings = []
    for drawing in dict.fromkeys(row[0] for row in nodes):
        own = [row[1:] for row in nodes if row[0] == drawing]
        place = {node: order for order, (node, *_) in enumerate(own)}
        shown = [
            (
                float(x),
                float(y),
                colors.get(name, _PLAIN),
                f"node {node}" + (f" · {name}" if name else ""),
            )
            for node, name, _, x, y in own
        ]
        pairs = [(place[a], place[b]) for d, a, b in edges if d == drawing]
        title = f"Around node {own[0][0]}"
        drawings.append(
            f"<figure><figcaption><b>{html.escape(title)}</b></figcaption>"
            f"{graph_drawing(title, shown, pairs)}</figure>"
        )
    known = legend(colors) if colors else ""
    link = csv_link("neighbourhood_nodes") + " " + csv_link("neighbourhood_edges")
    note = (
        "Some nodes (large) with what is around them, in rings by the number of steps."
    )
    grid = f'<div class="panels">{"".join(drawings)}</div>{known}{link}'
    return section("Neighbourhoods", grid, note)


def feature_map(run: RunData) -> str:
    """A place for the map that the page's script draws."""
    if "embedding" not in run.tables:
        return ""
    note = (
        "Each dot is a test example; point at one to see it, choose a class to "
        "single it out. t-SNE and UMAP keep neighbourhoods: distances between groups "
        "and their sizes mean little."
    )
    link = csv_link("embedding")
    if "embedding_random_init" in run.tables:
        link += " " + csv_link("embedding_random_init")
    content = (
        '<div id="map"><noscript>The map needs JavaScript; its data is in '
        f"figures/embedding.csv.</noscript></div>{link}"
    )
    return section("Map of the features", content, note)


def neighbors(run: RunData) -> str:
    """Queries with their nearest neighbours, as images or by name."""
    if not {"neighbors", "embedding"} <= set(run.tables):
        return ""
    examples = run.tables["embedding"]
    place = {row[0]: order for order, row in enumerate(examples.rows)}
    names = examples.column("class")
    what = examples.header[0].replace("_", " ")

    def shown(example: str, kind: str, under: str) -> str:
        name = names[place[example]]
        label = f"{what} {example}" + (f", {name}" if name else "")
        if "thumbnails" in run.sprites:
            picture = tile(run, "thumbnails", place[example], label)
        else:
            picture = f'<i class="chip">{html.escape(example)}</i>'
        return (
            f'<div class="{kind}" title="{html.escape(label)}">{picture}'
            f"<small>{html.escape(under)}</small></div>"
        )

    found: dict[str, list[str]] = {}
    for query, _, neighbor, similarity in run.tables["neighbors"].rows:
        if query not in place or neighbor not in place:
            continue
        own, other = names[place[query]], names[place[neighbor]]
        kind = ("same" if own == other else "other") if own and other else "plain"
        under = f"{float(similarity):.2f}"
        if "thumbnails" not in run.sprites and other:
            under = f"{other} · {under}"
        found.setdefault(query, []).append(shown(neighbor, kind, under))
    lines = "".join(
        f'<div class="query">{shown(query, "asked", names[place[query]])}'
        f'<div class="found">{"".join(items)}</div></div>'
        for query, items in found.items()
    )
    note = (
        "A query (left) and its nearest neighbours by the trained encoder's features, "
        "nearest first, cosine similarity below. Solid green border: same class; "
        "dashed red: another, where labels are known."
    )
    return section("Nearest neighbours", f"{lines}{csv_link('neighbors')}", note)
