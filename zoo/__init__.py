# SPDX-License-Identifier: Apache-2.0
"""Pretrained encoders: `list`, `info`, `load`, `saved_model`, `publish`, `verify`."""

# Nothing here imports Keras or TensorFlow: listing the zoo takes no seconds.
from cl_keras.zoo.page import page, table
from cl_keras.zoo.publish import publish
from cl_keras.zoo.recipe_files import Recipe, recipe, recipes
from cl_keras.zoo.registry import info, rows
from cl_keras.zoo.registry import names as list
from cl_keras.zoo.row import Row
from cl_keras.zoo.store import FileCheck, fetch, load, saved_model, verify

__all__ = [
    "FileCheck",
    "Recipe",
    "Row",
    "fetch",
    "info",
    "list",
    "load",
    "page",
    "publish",
    "recipe",
    "recipes",
    "rows",
    "saved_model",
    "table",
    "verify",
]
