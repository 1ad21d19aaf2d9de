# SPDX-License-Identifier: Apache-2.0
"""Graphs as tables, arrays, text of the TU collection and pickles of Planetoid."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy.sparse

from cl_keras import data
from fuzz.kind import Kind, damaged, files

EDGES = b"source,target\n0,1\n1,2\n"


def said(graph: data.GraphData) -> str:
    values = graph.features.data if graph.is_sparse else graph.features
    if not np.isfinite(values).all():
        raise ArithmeticError("features that are not finite")
    if (
        len(graph.edges)
        and not 0 <= graph.edges.min() <= graph.edges.max() < graph.nodes
    ):
        raise IndexError("edges to nodes that are not there")
    return f"{graph.nodes} nodes, {len(graph.edges)} edges, features {graph.shape}"


def read_tables(place: Path) -> str:
    return said(data.load(f"edges:{place}"))


def edge_tables() -> dict[str, bytes]:
    return {
        "empty": b"",
        "the names of columns alone": b"source,target\n",
        "one column": b"0\n1\n2\n",
        "three columns": b"0,1,5\n1,2,7\n",
        "a line that is shorter": b"0,1\n1\n2,0\n",
        "a line that is longer": b"0,1\n1,2,3\n2,0\n",
        "a blank cell": b"0,1\n1,\n2,0\n",
        "a negative node": b"0,1\n-1,2\n",
        "a fraction for a node": b"0,1\n1.5,2\n",
        "a node beyond 64 bits": b"0,1\n99999999999999999999,2\n",
        "NaN for a node": b"0,1\nnan,2\n",
        "a word among numbers": b"0,1\n1,2\n2,x\n",
        "an edge to itself": b"0,0\n0,1\n",
        "UTF-16": "0,1\n1,2\n".encode("utf-16"),
        "UTF-16 that is cut": "0,1\n1,2\n".encode("utf-16")[:-1],
        "UTF-8 with a mark": b"\xef\xbb\xbf0,1\n1,2\n",
        "Latin-1": "ä,ö\nö,ü\n".encode("latin-1"),
        "NUL bytes": b"0,1\n\0,2\n",
        "an open quotation mark": b'"0,1\n1,2\n',
        "names of a million letters": b"a" * 10**6 + b",b\nb,c\n",
        "20,000 columns": b",".join([b"1"] * 20_000) + b"\n",
        "comments alone": b"# nothing\n% here\n",
        "decimal commas": b"0;1\n1;2,5\n",
        "binary": bytes(range(256)) * 9,
        "a gzip file that is cut": b"\x1f\x8b\x08\0" + bytes(20),
        "4 GB of zeros packed into 4 MB": gzip_bomb(),
        "formulas of a spreadsheet": b"=1+1,@SUM(A1)\n=1+1,x\n",
        "a web page": b"<!DOCTYPE html>\n<html>\n<body>404, sorry</body>\n",
    }


def gzip_bomb() -> bytes:
    """What would unpack to 4 GB of zeros: the same block again and again."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    begin = pack.compress(b"0,1\n") + pack.flush(zlib.Z_FULL_FLUSH)
    block = pack.compress(bytes(2**24)) + pack.flush(zlib.Z_FULL_FLUSH)
    return begin + block * 256


def feature_tables() -> dict[str, bytes]:
    return {
        "empty": b"",
        "a text among numbers": b"a,b\n1,2\n3,x\n5,6\n",
        "NaN": b"a,b\n1,2\nnan,4\n5,6\n",
        "infinity": b"a,b\n1,2\ninf,4\n5,6\n",
        "too few rows": b"a,b\n1,2\n",
        "an id twice": b"id,a\n0,1\n0,2\n1,3\n2,4\n",
        "a blank cell": b"a,b\n1,2\n,4\n5,6\n",
        "a number beyond float32": b"a,b\n1,2\n1e300,4\n5,6\n",
        "a date": b"a,b\n2024-01-01,2\n2024-01-02,4\n2024-01-03,6\n",
        "two rows of different lengths": b"a,b\n1,2\n3\n5,6\n",
    }


def array(value: object, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value, **options)
    return stream.getvalue()


def header(shape: str, dtype: str = "<f4", more: str = "") -> bytes:
    """A `.npy` file of the header alone."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}{more}}}\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


def arrays() -> dict[str, bytes]:
    good = array(np.ones((3, 2), np.float32))
    return damaged(good) | {
        "a shape of 4 TB": header("(1000000000000, 1)") + bytes(99),
        "a shape of 16 EB": header("(4294967296, 1073741824)") + bytes(99),
        "a negative shape": header("(-3, 2)") + bytes(99),
        "a shape that is text": header("'big'") + bytes(99),
        "a shape of 100 axes": header("(1,) * 100") + bytes(99),
        "a header that calls a function": header("(__import__('os').getpid(),)"),
        "a header of 60,000 brackets": header("(" * 60_000),
        "a dtype that nobody has": header("(3, 2)", "<z9") + bytes(24),
        "objects": array(np.array([{}], object), allow_pickle=True),
        "text": array(np.array([["a", "b"]] * 3)),
        "dates": array(np.array(["2024-01-01"] * 3, "datetime64[D]")),
        "complex numbers": array(np.ones((3, 2), complex)),
        "fields": array(np.zeros(3, [("a", "f4")])),
        "one axis": array(np.ones(3)),
        "no columns": array(np.ones((3, 0))),
        "NaN": array(np.full((3, 2), np.nan)),
        "numbers beyond float32": array(np.full((3, 2), 1e300)),
        "an archive under this name": zipped({"features.npy": good}),
    }


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def sparse() -> dict[str, bytes]:
    def matrix(**changes: object) -> bytes:
        made = scipy.sparse.csr_matrix(np.eye(3, dtype=np.float32))
        parts = {name: getattr(made, name) for name in ("data", "indices", "indptr")}
        parts |= {"format": b"csr", "shape": (3, 3)} | changes
        stream = io.BytesIO()
        np.savez(stream, **{k: v for k, v in parts.items() if v is not None})
        return stream.getvalue()

    return {
        "a column that is not there": matrix(indices=np.array([0, 7, 2])),
        "a negative column": matrix(indices=np.array([0, -1, 2])),
        "rows that begin nowhere": matrix(indptr=np.array([0, 9, 2, 3])),
        "too few rows": matrix(indptr=np.array([0, 1])),
        "a negative shape": matrix(shape=(-3, 3)),
        "a trillion rows": matrix(shape=(10**12, 3)),
        "a shape of one axis": matrix(shape=(3,)),
        "a format that nobody has": matrix(format=b"xyz"),
        "no places": matrix(indices=None),
        "places that are text": matrix(indices=np.array(["a", "b", "c"])),
        "objects": matrix(data=np.array([{}] * 3, object)),
        "NaN": matrix(data=np.array([np.nan] * 3)),
    }


def kinds() -> list[Kind]:
    def edges(place: Path) -> None:
        (place / "edges.csv").write_bytes(EDGES)

    def beside(format: str, file: str, contents: Mapping[str, bytes]) -> list[Kind]:
        return files(
            format, file, contents, read_tables, beside=edges, names="features"
        )

    return [
        *files("edge table", "edges.csv", edge_tables(), read_tables),
        *beside("feature table", "features.csv", feature_tables()),
        *beside("NPY", "features.npy", arrays()),
        *beside("SciPy matrix", "features.npz", sparse()),
    ]
