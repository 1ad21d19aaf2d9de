# SPDX-License-Identifier: Apache-2.0
"""All kinds that are kept, by their names."""

from fuzz.kinds import (
    configs,
    graph_sets,
    graph_tensors,
    graphs,
    pictures,
    published,
    recordings,
    records,
    saved_models,
    tables,
    weights,
    words,
)

MODULES = (pictures, recordings, records, graph_tensors, graphs, graph_sets, tables)
MODULES += (published, weights, saved_models, words, configs)
KINDS = {kind.name: kind for module in MODULES for kind in module.kinds()}
