# SPDX-License-Identifier: Apache-2.0
"""Image files in a folder, beside a good one; read to train on, and as when served."""

import functools
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras import data
from cl_keras.data.images.decode_all import reason
from cl_keras.export import images
from cl_keras.preprocessing import photos
from cl_keras.preprocessing.decoding import decode_to
from fuzz.kind import Kind, files
from fuzz.kinds.other_pictures import bmps, boxed, gifs, tiffs, webps
from fuzz.kinds.picture_files import AVIF, HEIC, PICTURE, PNG
from fuzz.kinds.png_jpeg import jpegs, pngs


def read(place: Path) -> str:
    """What training makes of a file, and serving: as `data.load`, in less time."""
    (file,) = (path for path in place.iterdir() if path.name != "good.png")
    content = file.read_bytes()
    try:
        image = decode_to(tf.constant(photos.served(content)), (8, 8))
    except (ValueError, tf.errors.OpError):
        return f"skip: {reason(content)}"
    _served(tf.constant(photos.served(content)))
    return f"an image of {' x '.join(map(str, image.shape))}"


def read_folder(place: Path) -> str:
    """What training makes of a whole folder."""
    found = data.load(f"folder:{place}", image_size=8)
    return f"{len(found)} images"


@functools.cache
def _server() -> tf.types.experimental.PolymorphicFunction:
    spec = [tf.TensorSpec((), tf.string)]
    return tf.function(lambda x: images.decode_image(x, 8, 8, 3), spec)


def _served(content: tf.Tensor) -> None:
    if not np.isfinite(_server()(content)).all():
        raise ArithmeticError("served pixels that are not finite")


def beside(place: Path) -> None:
    PICTURE.save(place / "good.png")


def places() -> list[Kind]:
    """What may stand in a folder in place of a file, and how it may be called."""

    def kind(damage, make, names="."):
        def both(place: Path) -> None:
            beside(place)
            make(place)

        return Kind("image folder", damage, both, read_folder, names)

    def called(name: str | bytes) -> object:
        return lambda place: Path(
            os.fsdecode(os.path.join(os.fsencode(place), os.fsencode(name)))
        ).write_bytes(PNG)

    names = {
        "a name of 255 bytes": "a" * 251 + ".png",
        "a name that is not UTF-8": b"\xff\xfe.png",
        "a name with a line in it": "a\nb.png",
        "a name that is an option": "--help.png",
        "a name with a pattern": "[a]*?.png",
        "a name with a control code": "a\x1b[31m.png",
        "a name written from right to left": "\u202egnp.exe.png",
        "a name with a percent sign": "%s%n{0}.png",
        "a name that ends in a dot and a space": "a.png. ",
    }
    return [kind(damage, called(name)) for damage, name in names.items()] + [
        kind("a link to nowhere", lambda p: (p / "a.png").symlink_to("nowhere")),
        kind("a link to itself", lambda p: (p / "a.png").symlink_to("a.png")),
        kind(
            "a link to the system's users",
            lambda p: (p / "a.png").symlink_to("/etc/passwd"),
        ),
        kind(
            "a link to memory that is endless",
            lambda p: (p / "a.png").symlink_to("/dev/zero"),
        ),
        kind("a pipe", lambda p: os.mkfifo(p / "a.png")),
        kind("a folder of this name", lambda p: (p / "a.png").mkdir()),
        kind("a folder that leads to itself", lambda p: (p / "in").symlink_to(p)),
        kind("folders 200 deep", lambda p: (p / ("d/" * 200)).mkdir(parents=True)),
        kind("hidden files of a system", lambda p: (p / "._a.png").write_bytes(b"x")),
        kind("a name twice but for its case", lambda p: called("GOOD.PNG")(p)),
    ]


FORMS = (
    ("PNG", "png", pngs),
    ("JPEG", "jpg", jpegs),
    ("GIF", "gif", gifs),
    ("BMP", "bmp", bmps),
    ("WebP", "webp", webps),
    ("TIFF", "tif", tiffs),
    ("AVIF", "avif", lambda: boxed(AVIF, b"avif")),
    ("HEIC", "heic", lambda: boxed(HEIC, b"heic")),
)


def kinds() -> list[Kind]:
    found = places()
    for form, suffix, contents in FORMS:
        found += files(form, f"a.{suffix}", contents(), read)
        found.append(Kind("image folder", f"every {form} of these", *_all(form), "."))
    return found


def _all(form: str):
    """All files of a form in one folder."""
    suffix, contents = next(x[1:] for x in FORMS if x[0] == form)

    def make(place: Path) -> None:
        beside(place)
        for number, content in enumerate(contents().values()):
            (place / f"{number}.{suffix}").write_bytes(content)

    return make, read_folder
