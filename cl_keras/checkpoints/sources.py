# SPDX-License-Identifier: Apache-2.0
"""Where published weights come from: one row a source."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cl_keras import check, method_table

# The first of these that a place holds tells that the encoder is there.
ENTRIES = ("conv1.weight", "0.weight", "patch_embed.proj.weight")
# What stands beside an encoder in its own place: projectors, classifiers, prototypes.
HEADS = re.compile(
    r"(fc|head|head_dist|linear|classifier|projection_head|prototypes|projector)\."
    r"|.*\.num_batches_tracked$|pre_logits\.|mask_token$"
)
_STATE = r"(state_dict\.)?(module\.)?"


@dataclass(frozen=True)
class Source:
    """How one kind of checkpoint is laid out, and what its encoder takes.

    Args:
        title: Name for readers.
        places: Patterns of what stands in front of the encoder's keys, in the order in
            which they are tried.
        marks: Patterns that keys of this source match, all of them; none: it is taken
            only where it is named.
        without: Patterns that no key of this source matches.
        method: Key of the training method, or `"unknown"`.
        paper: Reference where the method has no row.
        attention_heads: Of its vision transformers; one for every 64 channels if None.
        interpolation: Of positions; see `encoders.Positions`.
        small_stem: Stem of its networks for small images; see `encoders.resnet`.
        small_scaling: Scaling of pixels of those networks.
    """

    title: str
    places: tuple[str, ...] = ("",)
    marks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    method: str = "unknown"
    paper: str = ""
    attention_heads: int | None = None
    interpolation: str = "timm"
    small_stem: str = "small"
    small_scaling: str = "imagenet"

    @property
    def reference(self) -> str:
        """The method's paper, or the library's."""
        return self.paper or method_table.get(self.method).paper


# In the order in which they are guessed. Read in the sources' own code: MoCo's and
# MoCo v3's builder.py and main_lincls.py, SimSiam's builder.py, SwAV's resnet50.py,
# DINO's main_dino.py and utils.py, main.py of Barlow Twins, VICReg's main_vicreg.py,
# solo/methods/base.py, lightly's examples.
SOURCES: dict[str, Source] = {
    "moco_v2": Source(
        "MoCo v2",
        places=(rf"{_STATE}encoder_q\.",),
        marks=(r".*encoder_q\.fc\.0\.",),
        method="moco",
    ),
    "moco_v1": Source(
        "MoCo v1",
        places=(rf"{_STATE}encoder_q\.",),
        marks=(r".*encoder_q\.",),
        method="moco",
    ),
    "moco_v3": Source(
        "MoCo v3",
        places=(rf"{_STATE}base_encoder\.",),
        marks=(r".*base_encoder\.",),
        method="moco_v3",
        # Its ViT-S has twelve heads of 32 channels, unlike all others.
        attention_heads=12,
    ),
    "simsiam": Source(
        "SimSiam",
        places=(rf"{_STATE}encoder\.",),
        marks=(rf"{_STATE}encoder\.fc\.\d", rf"{_STATE}predictor\."),
        method="simsiam",
    ),
    "solo_learn": Source(
        "solo-learn",
        places=(rf"{_STATE}(backbone|encoder)\.",),
        marks=(rf"{_STATE}(backbone|encoder)\.", rf"{_STATE}classifier\."),
        paper="da Costa et al. 2022, JMLR 23 (56)",
        small_stem="small_padded",
        small_scaling="cifar10",
    ),
    "deepcluster_v2": Source(
        "DeepCluster v2",
        places=(_STATE,),
        marks=(rf"{_STATE}conv1\.", rf"{_STATE}prototypes\.prototypes\d"),
        paper="Caron et al. 2020, arXiv:2006.09882, appendix D",
    ),
    "swav": Source(
        "SwAV",
        places=(_STATE,),
        marks=(rf"{_STATE}conv1\.", rf"{_STATE}(projection_head|prototypes)\."),
        method="swav",
    ),
    "dino": Source(
        "DINO",
        # Of a training state the teacher, whose scores are those of the paper.
        places=(
            r"teacher\.(module\.)?backbone\.",
            r"(module\.)?backbone\.",
            r"(module\.)?",
        ),
        marks=(r"teacher\..*backbone\.|cls_token$",),
        without=(r"head\.", r"fc_norm\.", r"reg_token", r".*\.ls\d\."),
        method="dino",
        interpolation="dino",
    ),
    "barlow_twins": Source(
        "Barlow Twins",
        places=(r"(model\.)?module\.backbone\.", ""),
        marks=(r"(model\.)?module\.backbone\.", r"(model\.)?module\.bn\."),
        method="barlow_twins",
    ),
    "vicreg": Source(
        "VICReg",
        places=(r"(model\.)?module\.backbone\.", ""),
        marks=(r"(model\.)?module\.backbone\.", r"(model\.)?module\.projector\."),
        method="vicreg",
    ),
    "lightly": Source(
        "lightly",
        # Its DINO calls the two networks so; a vision transformer is wrapped.
        places=(
            rf"{_STATE}teacher_backbone\.(vit\.)?",
            rf"{_STATE}backbone\.(vit\.)?",
        ),
        marks=(rf"{_STATE}(teacher_)?backbone\.",),
        paper="Susmelj et al. 2020, github.com/lightly-ai/lightly",
    ),
    "timm": Source(
        "timm",
        places=(_STATE,),
        marks=(rf"{_STATE}patch_embed\.",),
        paper="Wightman 2019, doi:10.5281/zenodo.4414861",
    ),
    "torchvision": Source(
        "torchvision",
        places=(_STATE,),
        marks=(rf"{_STATE}conv1\.",),
        paper="He et al. 2015, arXiv:1512.03385",
    ),
}


def guess(keys: Iterable[str]) -> str:
    """The first source whose marks are all among the keys."""
    keys = tuple(keys)

    def any_matches(pattern: str) -> bool:
        return any(re.match(pattern, key) for key in keys)

    for name, source in SOURCES.items():
        if all(map(any_matches, source.marks)) and not any(
            map(any_matches, source.without)
        ):
            return name
    raise ValueError(
        "Expected the weights of a ResNet or of a vision transformer from one of "
        f"{', '.join(SOURCES)}. Received: keys {some(keys)}"
    )


def encoder_keys(keys: Iterable[str], name: str) -> dict[str, str]:
    """The keys of the encoder by what they are called within it."""
    check.one_of("source", name, SOURCES)
    keys = tuple(keys)
    for place in SOURCES[name].places:
        own = {}
        for key in keys:
            if found := re.match(place, key):
                own[key[found.end() :]] = key
        if any(entry in own for entry in ENTRIES):
            return own
    # Parts that may be left out stand in brackets.
    places = [re.sub(r"\((.+?)\)\?", r"[\1]", p) for p in SOURCES[name].places]
    expected = " or ".join(repr(p.replace("\\", "")) for p in places)
    raise ValueError(
        f"Expected a checkpoint of {SOURCES[name].title}: {expected} in front of one "
        f"of {', '.join(ENTRIES)}. Received: {some(keys)}"
    )


def some(names: Iterable[str], count: int = 8) -> str:
    """The first few names, and how many there are."""
    names = tuple(names)
    more = f", ... ({len(names)} in all)" if len(names) > count else ""
    return ", ".join(names[:count]) + more
