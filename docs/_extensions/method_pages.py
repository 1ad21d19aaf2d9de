# SPDX-License-Identifier: Apache-2.0
"""A page for each method: its docstring, its row in the table, what was measured."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import docstrings
import measured
from facts import FACTS, FAMILIES
from public_names import public_names

from cl_keras import zoo
from cl_keras.methods import METHODS, Method
from cl_keras.runs import TrainConfig
from cl_keras.score_names import KNN, LINEAR, baselines_of

FOLDERS = ("methods",)
PUBLIC = public_names()
DATA = {
    "image": "digits",
    "audio": "folder:recordings",
    "graph": "planetoid:cora",
    "pair": "pairs:phone.npz,watch.npz",
}
# Of encoders that take other data than a modality's usual ones.
DATA_OF_ENCODERS = {"gin": "tu:MUTAG", "color_split": "folder:photos"}


def pages(root: Path) -> dict[str, str]:
    """Names and texts of the pages."""
    results = (root / "results.md").read_text("utf-8")
    written = {
        f"methods/{key}.md": page(key, row, FACTS[key], results)
        for key, row in METHODS.items()
    }
    return written | {"methods/index.md": index()}


def index() -> str:
    """All methods, family by family."""
    lines = [
        "# Methods",
        "",
        f"{len(METHODS)} methods share one training step, one way "
        "to evaluate and one way to serve. Each is one class of "
        "{py:obj}`cl_keras.methods` and one name for `cl-keras train`.",
        "",
    ]
    for family, words in FAMILIES.items():
        keys = [key for key in METHODS if FACTS[key]["family"] == family]
        lines += [
            f"## {words['title']}",
            "",
            words["text"],
            "",
            f"```{{diagram}} {family}",
            "```",
            "",
        ]
        lines += ["| method | | learns from |", "|---|---|---|"]
        for key in keys:
            row = METHODS[key]
            lines.append(f"| [{row.title}]({key}.md) | {row.summary} | {kinds(row)} |")
        lines += ["", "```{toctree}", ":hidden:", f":caption: {words['title']}", ""]
        lines += [*keys, "```", ""]
    return "\n".join(lines)


def page(key: str, row: Method, facts: dict[str, str], results: str) -> str:
    """One method."""
    family = FAMILIES[facts["family"]]["title"]
    parts = docstrings.sections(row.model)
    views_of_sound = row.modalities == ("audio",) and row.views > 1
    of_sound = " recording" if views_of_sound else ""
    lead, _, details = parts[""].partition("\n\n")
    if key != first_key(row):
        lead = f"{row.summary[:1].upper()}{row.summary[1:]}."
    blocks = [
        f"# {row.title}",
        f"{{.lead}}\n{lead}",
        f"{{.facts}}\n{paper(row.paper)} · {family.lower()} · {kinds(row)} · "
        f"{{py:obj}}`cl_keras.methods.{row.model.__name__}`",
        f"```{{diagram}} {facts['family']}{of_sound}\n```",
        linked(details),
        "## The loss",
        *equations(facts["equation"]),
        facts["where"],
        "## Run it",
        run_it(key, row),
        "## Settings",
        linked(settings(row)),
        training(key, row),
        numbers(key, row, results),
        linked(differences(row)),
        f"## Reference\n\n{parts.get('Reference', row.paper)}",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def equations(text: str) -> list[str]:
    """Equations, each on a line of its own."""
    parts = [part.strip(" ,\n") for part in text.split(r"\quad")]
    return [f"$$\n{part}\n$$" for part in parts]


def kinds(row: Method) -> str:
    """What a method learns from, in words."""
    words = {
        "image": "images",
        "audio": "sequences",
        "graph": "graphs",
        "pair": "pairs",
    }
    return ", ".join(words[modality] for modality in row.modalities)


def paper(text: str) -> str:
    """A row's papers, with links."""
    text = re.sub(r"arXiv:([\d.]+\d)", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    return re.sub(r"doi:(\S+)", r"[doi:\1](https://doi.org/\1)", text)


def run_it(key: str, row: Method) -> str:
    """The command, and the docstring's example where it is this row's."""
    encoder = str(row.defaults.get("encoder", ""))
    data = DATA_OF_ENCODERS.get(encoder, DATA[row.modalities[0]])
    command = f"cl-keras train {key} --data {data} --out runs/{key}"
    tabs = (
        f"::::{{tab-set}}\n:::{{tab-item}} Command line\n```bash\n{command}\n```\n:::\n"
    )
    code = docstrings.example(row.model)
    if key == first_key(row) and code:
        tabs += (
            f":::{{tab-item}} Python\n```python\n{imports(row, code)}{code}\n```\n:::\n"
        )
    return tabs + "::::"


def first_key(row: Method) -> str:
    """The first method of a row's class, which its docstring is about."""
    return next(key for key, other in METHODS.items() if other.model is row.model)


def linked(text: str) -> str:
    """Public names between backticks become links to the reference."""

    def link(match: re.Match[str]) -> str:
        name = PUBLIC.get(match[1]) or PUBLIC.get(f"methods.{match[1]}")
        return f"{{py:obj}}`{match[1]} <{name}>`" if name else match[0]

    return re.sub(r"`([\w.]+)`", link, text)


def imports(row: Method, code: str) -> str:
    """The imports that an example needs."""
    packages = [name for name in ("augment", "data", "encoders") if f"{name}." in code]
    lines = [f"from cl_keras import {', '.join(packages)}"] if packages else []
    lines.append(f"from cl_keras.methods import {row.model.__name__}")
    plain = {
        "keras": "import keras",
        "np": "import numpy as np",
        "tf": "import tensorflow as tf",
    }
    lines = [text for name, text in plain.items() if f"{name}." in code] + lines
    if re.search(r"\bimages\b", code):
        lines += ["", 'images = np.zeros((256, 32, 32, 3), "uint8")  # your own']
        if "import numpy as np" not in lines:
            lines.insert(0, "import numpy as np")
    return "\n".join(lines) + "\n\n"


def settings(row: Method) -> str:
    """The method's arguments."""
    lines = ["| argument | default | meaning |", "|---|---|---|"]
    for name, default, text in docstrings.arguments(row.model):
        text = text.replace("|", r"\|").replace("->", "→")
        lines.append(f"| `{name}` | {default} | {text} |")
    return "\n".join(lines)


def training(key: str, row: Method) -> str:
    """What `cl-keras train` takes unless it is told otherwise."""
    config = TrainConfig.for_method(key, data="digits", out="run")
    values = {
        "encoder": config.encoder,
        "epochs": config.epochs,
        "batch size": config.batch_size,
        "learning rate": config.learning_rate,
        "weight decay": config.weight_decay,
        **{name: value for name, value in config.settings.items()},
    }
    if "image" in row.modalities and row.views > 1:
        values["views"] = f"{row.views} of augment.{row.view_maker}"
        values |= {f"augment.{name}": value for name, value in row.view_options.items()}
    cells = "\n".join(f"| {name} | `{value}` |" for name, value in values.items())
    head = "| setting | default |\n|---|---|"
    return f"`cl-keras train {key}` takes by default:\n\n{head}\n{cells}"


def numbers(key: str, row: Method, results: str) -> str:
    """The scores of published encoders and of results.md."""
    blocks = [entries(key), measured.of_method(row.title, results)]
    text = "\n\n".join(block for block in blocks if block)
    return f"## Measured\n\n{text}" if text else ""


def entries(key: str) -> str:
    """The zoo's encoders of a method, beside their baselines."""
    rows = [row for row in zoo.rows() if row.method == key]
    if not rows:
        return ""
    lines = [
        "| | kNN | random weights | raw inputs "
        "| linear | random weights | raw inputs |",
        "|---" * 7 + "|",
    ]
    for row in rows:
        cells = [f"[`{row.name}`](../zoo/{row.name}.md)"]
        for metric in (KNN, LINEAR):
            cells += (
                [f"{row.scores[metric]['value']:.3f}"] if metric in row.scores else [""]
            )
            for baseline in baselines_of(metric):
                value = row.baselines.get(baseline)
                cells.append("" if value is None else f"{value:.3f}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Computed again by `cl-keras zoo verify {rows[0].name} --scores`."]
    return "**Pretrained encoders**\n\n" + "\n".join(lines)


def differences(row: Method) -> str:
    """How the code deviates from the paper, as its module says."""
    text = inspect.getdoc(sys.modules[row.model.__module__]) or ""
    _, found, rest = text.partition("\n\nDeviation")
    if not found:
        return ""
    rest = re.sub(r"\As?( of v2)?:\s*", "", rest)
    return f"## Where it differs from the paper\n\n{rest[:1].upper()}{rest[1:]}"
