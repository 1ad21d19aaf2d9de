# SPDX-License-Identifier: Apache-2.0
"""Arrays of images, time series in CSV files, and pairs."""

import gzip
import io
import warnings
import zipfile
from pathlib import Path

import numpy as np

from cl_keras import data
from fuzz.kind import Kind, damaged, files, flipped
from fuzz.kinds.graphs import array, gzip_bomb, header, zipped

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)


def saved(compressed: bool = False, **arrays: object) -> bytes:
    stream = io.BytesIO()
    write = np.savez_compressed if compressed else np.savez
    write(stream, **arrays)
    return stream.getvalue()


GOOD = saved(images=IMAGES, labels=np.arange(6) % 2)


def read(place: Path) -> str:
    found = data.load(f"npz:{place / 'a.npz'}")
    return f"{len(found)} images of {found.shape}, labels {found.labels}"


def of(**members: bytes) -> bytes:
    return zipped({f"{name}.npy": content for name, content in members.items()})


def lying(content: bytes, size: int) -> bytes:
    """An archive whose first member says that it is of another size."""
    changed = bytearray(content)
    directory = content.index(b"PK\1\2")
    for place in (22, directory + 24):
        changed[place : place + 4] = size.to_bytes(4, "little")
    return bytes(changed)


def npzs() -> dict[str, bytes]:
    good = array(IMAGES)
    bomb = header("(2147483648, 1, 1, 1)", "|u1") + bytes(2**26)
    return damaged(GOOD) | {
        "compressed, a flipped byte": flipped(saved(True, images=IMAGES), 200),
        "no arrays": zipped({}),
        "arrays of other names": of(pictures=good),
        "images that are text": of(images=b"hello"),
        "images of no bytes": of(images=b""),
        "images cut in half": of(images=good[: len(good) // 2]),
        "a shape of 2 TB": of(images=header("(1000000000, 32, 32, 2)", "|u1")),
        "a shape beyond 64 bits": of(images=header("(99999999999999999999, 8, 8)")),
        "a negative shape": of(images=header("(-6, 8, 8, 3)", "|u1") + bytes(2000)),
        "a shape of NaN": of(images=header("(float('nan'),)")),
        "a header that calls a function": of(images=header("(exit(),)")),
        "2 GB of zeros packed into 64 kB": zipped(
            {"images.npy": bomb}, zipfile.ZIP_DEFLATED
        ),
        "a member that says it is 4 GB": lying(of(images=good), 2**32 - 2),
        "a member that says it is empty": lying(of(images=good), 0),
        "a member twice": _twice(good),
        "a member with a password": _locked(of(images=good)),
        "a member packed in an unknown way": _unknown(of(images=good)),
        "a member that leads out": zipped({"../images.npy": good}),
        "an absolute member": zipped({"/etc/images.npy": good}),
        "objects": saved(images=np.array([{}] * 6, object)),
        "objects as labels": saved(images=IMAGES, labels=np.array([{}] * 6, object)),
        "images of one axis": saved(images=np.ones(6, np.uint8)),
        "images of seven axes": saved(images=np.ones((1,) * 7, np.uint8)),
        "no images": saved(images=np.ones((0, 8, 8), np.uint8)),
        "images of no width": saved(images=np.ones((6, 8, 0, 3), np.uint8)),
        "channels first": saved(images=IMAGES.transpose(0, 3, 1, 2)),
        "NaN": saved(images=np.full((6, 8, 8), np.nan)),
        "infinity": saved(images=np.full((6, 8, 8), np.inf)),
        "numbers beyond a byte": saved(images=IMAGES.astype(int) + 1),
        "complex numbers": saved(images=IMAGES.astype(complex)),
        "dates": saved(images=np.zeros((6, 8, 8), "datetime64[s]")),
        "fields": saved(images=np.zeros((6, 8, 8), [("r", "u1")])),
        "bytes of text": saved(images=IMAGES.astype("S3")),
        "too few labels": saved(images=IMAGES, labels=[1]),
        "labels of two axes": saved(images=IMAGES, labels=np.ones((6, 2), int)),
        "labels of NaN": saved(images=IMAGES, labels=np.full(6, np.nan)),
        "labels that are fractions": saved(images=IMAGES, labels=np.full(6, 0.5)),
        "labels of minus 7": saved(images=IMAGES, labels=np.full(6, -7)),
        "labels of 2 to the 63": saved(images=IMAGES, labels=np.full(6, 2**63 - 1)),
        "unsigned labels of 2 to the 64": saved(
            images=IMAGES, labels=np.full(6, 2**64 - 1, np.uint64)
        ),
        "fewer names than classes": saved(
            images=IMAGES, labels=np.arange(6), class_names=["a"]
        ),
        "names of classes that are numbers": saved(
            images=IMAGES, labels=np.arange(6), class_names=np.arange(6)
        ),
        "a NUL in a name of a class": saved(images=IMAGES, labels=["a\0b"] * 6),
    }


def _twice(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("images.npy"), content)
        archive.filelist.append(archive.filelist[0])
    return stream.getvalue()


def _locked(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[6] |= 1
    changed[content.index(b"PK\1\2") + 8] |= 1
    return bytes(changed)


def _unknown(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[8] = changed[content.index(b"PK\1\2") + 10] = 77
    return bytes(changed)


SERIES = b"t,a,b,label\n" + b"".join(
    b"%d,%d,2.5,x\n" % (i, min(i, 19 - i)) for i in range(20)
)


def read_series(place: Path) -> str:
    (path,) = (x for x in place.iterdir() if x.name != "good.csv")
    warnings.filterwarnings("ignore", "Channels of")
    found = data.load_csv(
        place if path.suffix == ".csv" else path, time="t", sample_rate=1
    )
    if not all(np.isfinite(x).all() for x in found.sequences):
        raise ArithmeticError("values that are not finite")
    return f"series of {', '.join(str(x.shape) for x in found.sequences)}"


def series() -> dict[str, bytes]:
    def row(text: bytes) -> bytes:
        return SERIES.replace(b"\n5,5,2.5,x\n", b"\n" + text + b"\n")

    return damaged(SERIES) | {
        "the names of columns alone": b"t,a,b,label\n",
        "no names of columns": SERIES.split(b"\n", 1)[1],
        "a column twice": SERIES.replace(b"t,a,b", b"t,a,a"),
        "no column of times": SERIES.replace(b"t,", b"time,"),
        "a blank cell": row(b"5,,2.5,x"),
        "NaN": row(b"5,nan,2.5,x"),
        "infinity": row(b"5,inf,2.5,x"),
        "a number beyond float32": row(b"5,1e300,2.5,x"),
        "text among numbers": row(b"5,five,2.5,x"),
        "a line that is shorter": row(b"5,5"),
        "a line that is longer": row(b"5,5,5,5,5,5"),
        "a blank time": row(b",5,2.5,x"),
        "a time of 1e300": row(b"1e300,5,2.5,x"),
        "a time of 2 to the 63": row(b"9223372036854775807,5,2.5,x"),
        "times all alike": SERIES.replace(b"\n1", b"\n0"),
        "one sample": b"t,a\n0,1\n",
        "a date without a year": row(b"Jan 5,5,2.5,x"),
        "dates": SERIES.replace(b"\n", b"\n2024-01-01 00:00:0"),
        "an open quotation mark": row(b'5,"5,2.5,x'),
        "UTF-16": SERIES.decode().encode("utf-16"),
        "UTF-8 with a mark": b"\xef\xbb\xbf" + SERIES,
        "NUL bytes": row(b"5,\0,2.5,x"),
        "semicolons": SERIES.replace(b",", b";"),
        "a line of a million letters": row(b"5,5,2.5," + b"x" * 10**6),
        "20,000 columns": b"t" + b",a" * 20_000 + b"\n0" + b",1" * 20_000 + b"\n",
    }


ARCHIVE = zipped({"a.csv": SERIES}, zipfile.ZIP_DEFLATED)


def series_archives() -> dict[str, bytes]:
    def of(name: str, content: bytes = SERIES) -> bytes:
        return zipped({name: content}, zipfile.ZIP_DEFLATED)

    long = b"t,a\n" + b"0,1\n" * 2**20
    return {
        "cut in half": of("a.csv")[:60],
        "no file in it": zipped({}),
        "a name that leads out": of("../../a.csv"),
        "an absolute name": of("/etc/a.csv"),
        "a name of another drive": of("C:\\a.csv"),
        "a name with a NUL": of("a\0.csv"),
        "a member that says it is 4 GB": lying(of("a.csv"), 2**32 - 2),
        "a member with a password": _locked(of("a.csv")),
        "4 MB of one line packed into 4 kB": of("a.csv", long),
        "an archive within it": of("a.csv.zip", of("a.csv")),
        "a member that is a link": _link(),
        "a gzip file in it that is cut": of(
            "a.csv.gz", gzip.compress(SERIES, mtime=0)[:50]
        ),
        "4 GB of zeros in it, packed twice": of("a.csv.gz", gzip_bomb()),
    }


def _link() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("a.csv")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def read_pairs(place: Path) -> str:
    found = data.load_pairs(f"{place / 'a.npz'},{place / 'b.npz'}")
    return f"{len(found)} pairs of {found.shapes}"


def pairs() -> dict[str, bytes]:
    rows = np.ones((6, 4), np.float32)
    return {
        "empty": b"",
        "another number of rows": saved(inputs=rows[:5]),
        "no rows": saved(inputs=rows[:0]),
        "one number": saved(inputs=1.0),
        "NaN": saved(inputs=rows * np.nan),
        "numbers beyond float32": saved(inputs=rows.astype(float) * 1e300),
        "text": saved(inputs=rows.astype(str)),
        "objects": saved(inputs=rows.astype(object)),
        "several arrays without a known name": saved(x=rows, z=rows),
        "labels that are too few": saved(inputs=rows, labels=[1]),
        "groups that are too many": saved(inputs=rows, groups=np.arange(9)),
        "a shape of 4 TB": of(inputs=header("(1000000000000, 1)")),
        "complex numbers": saved(inputs=rows * 1j),
    }


def read_table(place: Path) -> str:
    found = data.load_pairs(f"table:{place / 'a.csv'}", image_size=8)
    return f"{len(found)} pairs"


def tables() -> dict[str, bytes]:
    good = b"one,two\nx.png,y.png\n"
    return {
        "empty": b"",
        "one column": b"one\nx.png\n",
        "the names of columns alone": b"one,two\n",
        "a path that leads out": b"one,two\n../x.png,y.png\n",
        "an absolute path": b"one,two\n/etc/passwd,y.png\n",
        "a path with a NUL": b"one,two\nx\0.png,y.png\n",
        "a path of 10,000 letters": b"one,two\n" + b"x" * 10_000 + b",y.png\n",
        "files that are not there": good,
        "a folder in place of a file": b"one,two\n.,y.png\n",
        "blank cells": b"one,two\n,\n",
        "a column twice": b"one,one\nx.png,y.png\n",
        "Latin-1": "one,two\nä.png,y.png\n".encode("latin-1"),
        "an address": b"one,two\nhttp://127.0.0.1:9/x.png,y.png\n",
        "a cell of a million letters": b'one,two\n"' + b"x" * 10**6 + b'",y\n',
    }


def kinds() -> list[Kind]:
    def other(place: Path) -> None:
        (place / "b.npz").write_bytes(saved(inputs=np.ones((6, 3), np.float32)))

    def beside(place: Path) -> None:
        (place / "good.csv").write_bytes(SERIES)

    return [
        *files("NPZ", "a.npz", npzs(), read),
        *files(
            "CSV series", "a.csv", series(), read_series, beside=beside, names="csv"
        ),
        *files("CSV archive", "a.zip", series_archives(), read_series),
        *files("NPZ pairs", "a.npz", pairs(), read_pairs, beside=other, names="a"),
        *files("table of pairs", "a.csv", tables(), read_table),
    ]
