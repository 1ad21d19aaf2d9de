# SPDX-License-Identifier: Apache-2.0
"""The command line before it does any work: quick and quiet."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from cl_keras.methods import METHODS

NOISE = re.compile(
    r"absl|cudart|cuInit|cpu_feature_guard|AVX|oneDNN|TF-TRT|^[IWE]\d{4} |shuffle=True"
)


def environment(**more):
    """That of a user: without what conftest sets for the tests' own process."""
    ours = ("TF_CPP_MIN_LOG_LEVEL", "CL_KERAS_DATA", "CL_KERAS_ZOO")
    ours += ("TF_ENABLE_ONEDNN_OPTS",)
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"COLUMNS": "200"} | more


def run(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "cl_keras.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(**more),
    )


def python(code, **more):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(**more),
    )


@pytest.fixture(scope="module")
def means(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "means.keras"
    inputs = keras.Input((16, 16, 1))
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)).save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["methods"], ["zoo", "list"]])
def test_what_needs_no_tensorflow_does_not_load_it(arguments):
    code = (
        "import sys; from cl_keras.cli import main\n"
        f"sys.argv[1:] = {arguments}\n"
        "try: main()\n"
        "finally:\n"
        "    heavy = {'tensorflow', 'keras', 'sklearn', 'numpy'} & set(sys.modules)\n"
        "    print('loaded', sorted(heavy), file=sys.stderr)"
    )
    assert python(code).stderr.strip() == "loaded []"


@pytest.mark.slow
def test_commands_are_quiet(means, tmp_path):
    result = run("methods", "--json")
    assert result.stderr == ""
    assert len(json.loads(result.stdout)["methods"]) == len(METHODS)
    result = run("embed", means, "digits", "--out", tmp_path / "f.npz", "--json")
    assert result.stderr == "", result.stderr
    assert json.loads(result.stdout)["rows"] == 1797
    result = run("evaluate", means, "--data", "digits", "--json")
    assert result.returncode == 0, result.stderr
    assert not [x for x in result.stderr.splitlines() if NOISE.search(x)], result.stderr


@pytest.mark.slow
def test_training_is_quiet_too(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "x.npz", images=images)
    result = run(
        *("train", "simclr", "--data", f"npz:{tmp_path}/x.npz", "--epochs", 1),
        *("--batch-size", 8, "--out", tmp_path / "run", "--set", "encoder.width=4"),
        *("--set", "encoder.blocks=1", "--set", "encoder.stages=1", "--json"),
    )
    assert result.returncode == 0, result.stderr
    assert "epoch 1/1" in result.stderr
    assert not [x for x in result.stderr.splitlines() if NOISE.search(x)], result.stderr


COMMAND_AND_KERNELS = """
import sys
from cl_keras.cli import main
sys.argv = ["cl-keras", "methods"]
try:
    main()
except SystemExit:
    pass
import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port
print("oneDNN", _pywrap_util_port.IsMklEnabled())
"""


@pytest.mark.slow
@pytest.mark.parametrize("said, on", [(None, True), ("0", False)])
def test_commands_compute_with_onednn_unless_told_not_to(said, on):
    """Without it a training step takes half as long again on a CPU with AVX2."""
    more = {"TF_ENABLE_ONEDNN_OPTS": said} if said else {}
    result = python(COMMAND_AND_KERNELS, **more)
    assert f"oneDNN {on}" in result.stdout, result.stderr


@pytest.mark.slow
def test_the_library_leaves_the_kernels_to_its_user():
    code = "import os, cl_keras.methods\nprint(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    assert python(code).stdout.split() == ["None"]


QUIETLY = "import os\nfrom cl_keras.cli.quiet import quiet_start\nquiet_start()\n"


def test_the_filter_passes_all_else_on():
    """In place of TensorFlow a module that writes as its C++ does, to descriptor 2."""
    code = QUIETLY + (
        "from cl_keras.cli import quiet\n"
        "with quiet._filtered_stderr(quiet._BANNER):\n"
        "    os.write(2, b'WARNING: All log messages before absl::InitializeLog() is "
        "called are written to STDERR\\n')\n"
        "    os.write(2, b'I0000 00:00:17.5  11 cudart_stub.cc:31] no driver\\n')\n"
        "    os.write(2, b'E0000 00:00:17.5  11 cuda_platform.cc:52] failed call to "
        "cuInit: INTERNAL: CUDA error: UNKNOWN ERROR (303)\\n')\n"
        "    os.write(2, b'E0000 00:00:17.5  11 cuda_platform.cc:52] failed call to "
        "cuInit: CUDA_ERROR_NO_DEVICE (100)\\n')\n"
        "    os.write(2, b'W0000 00:00:17.5  11 x.cc:5] low memory\\nno newline')\n"
        "os.write(2, b'\\nI0000 00:00:17.5  11 later.cc:31] after\\n')\n"
    )
    lines = python(code).stderr.splitlines()
    assert lines == [
        "E0000 00:00:17.5  11 cuda_platform.cc:52] failed call to cuInit: "
        "CUDA_ERROR_NO_DEVICE (100)",
        "W0000 00:00:17.5  11 x.cc:5] low memory",
        "no newline",
        "I0000 00:00:17.5  11 later.cc:31] after",
    ]


BROKEN_JPEG = """
import os, sys
from cl_keras.cli.quiet import quiet_decoding, quiet_start
quiet_start()
with quiet_decoding():
    import tensorflow as tf
    image = tf.io.encode_jpeg(tf.zeros((40, 40, 3), tf.uint8)).numpy()
    for size in (300, len(image) // 2 + 160):
        try:
            tf.io.decode_jpeg(image[:size])
        except tf.errors.InvalidArgumentError:
            print("a broken file", file=sys.stderr)
    os.write(2, b"of another library\\n")
"""


@pytest.mark.slow
def test_libjpeg_says_nothing_of_broken_files():
    told = python(BROKEN_JPEG).stderr.splitlines()
    assert sorted(told) == ["a broken file", "a broken file", "of another library"]
    assert "JPEG" in python(BROKEN_JPEG, TF_CPP_MIN_LOG_LEVEL="1").stderr


def test_a_crash_while_loading_is_not_swallowed(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'F0000 00:00:17.5 11 cpu_feature_guard.cc:60] compiled to use "
        "AVX512, but these are not available.\\n')\n"
        "os.abort()\n"
    )
    result = python(QUIETLY + "import tensorflow", PYTHONPATH=str(tmp_path))
    assert result.returncode < 0 and "AVX512" in result.stderr
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no libfoo.so')")
    result = python(QUIETLY + "import tensorflow", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1 and "no libfoo.so" in result.stderr


@pytest.mark.slow
def test_who_asks_for_the_log_gets_it():
    result = python(QUIETLY + "import tensorflow", TF_CPP_MIN_LOG_LEVEL="0")
    assert result.returncode == 0 and "absl" in result.stderr


def test_doctor_reports_and_tells_what_is_broken(tmp_path, real_data):
    result = run("doctor", "--json", CL_KERAS_DATA=str(real_data))
    assert result.returncode == 0 and result.stderr == ""
    checks = {x["name"]: x for x in json.loads(result.stdout)["checks"]}
    assert checks["tensorflow"]["detail"].startswith("2.21")
    assert "CPU" in checks["devices"]["detail"]
    assert "planetoid:cora" in checks["CL_KERAS_DATA"]["detail"]
    assert {"cache", "cores", "memory", "tf.keras", "extra eval"} <= set(checks)
    flags = set(Path("/proc/cpuinfo").read_text().split())
    narrow = "mixed_bfloat16" in checks["cores"]["detail"]
    assert narrow == bool(flags & {"avx512_bf16", "amx_bf16"})
    told = json.loads(result.stdout)
    assert told["verdict"].startswith("Ready to train on ") and told["next"]

    # A package that cannot be imported: named, with the line that mends it.
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no libfoo.so')")
    result = run("doctor", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1 and "Traceback" not in result.stderr
    (line,) = [x for x in result.stdout.splitlines() if x.startswith("tensorflow ")]
    assert "broken" in line and "no libfoo.so" in line and "pip install" in line
    verdict, command = result.stdout.splitlines()[-2:]
    assert verdict.startswith("Not ready. This does not work: tensorflow")
    assert command.startswith('Next: pip install "tensorflow')


def test_doctor_names_the_extra_of_what_is_missing(monkeypatch):
    from importlib import metadata

    from cl_keras.runs import doctor as report

    real = metadata.version

    def version(name):
        if name == "soundfile":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    checks = {check.name: check for check in report()}
    assert checks["extra audio"].state == "missing"
    assert checks["extra audio"].detail == 'soundfile; pip install "cl-keras[audio]"'


def test_brackets_in_a_table_are_no_markup():
    result = python(
        "from cl_keras.cli.output import show_rows\n"
        "show_rows(('a',), [('pip install x[eval]',)], 'rows', False)"
    )
    assert "pip install x[eval]" in result.stdout


def test_a_long_name_is_never_cut():
    name = "recordings/" + "a" * 90 + ".wav"
    code = (
        "from cl_keras.cli.output import show_rows\n"
        f"show_rows(('a', 'b'), [({name!r}, 'x')], 'rows', False)"
    )
    rows = python(code, COLUMNS="60").stdout.splitlines()
    assert [row.split() for row in rows] == [["a", "b"], [name, "x"]]


@pytest.mark.slow
def test_skipped_files_are_named_in_one_line_each(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(3):
        image = rng.integers(0, 256, (16, 16, 3))
        keras.utils.save_img(tmp_path / f"{index}.png", image, scale=False)
    (tmp_path / "bad.png").write_bytes(b"")
    inputs = keras.Input((16, 16, 3))
    path = tmp_path / "means.keras"
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)).save(path)
    result = run("embed", path, tmp_path, "--out", tmp_path / "f.npz")
    assert result.returncode == 0, result.stderr
    # A slow machine says in between how far it is.
    lines = [x for x in result.stderr.splitlines() if " read in " not in x]
    assert lines[0].startswith("warning: Skipped 1 of 4 files")
    assert lines[1] == f"skipped: {tmp_path}/bad.png (an empty file)"
    assert len(lines) == 2
    query = ("--query", tmp_path / "1.png", "--k", 2, "--out", tmp_path / "grid.png")
    result = run("neighbors", path, "--features", tmp_path / "f.npz", *query)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "grid.png").is_file() and "grid: " in result.stdout
    assert {f"{tmp_path}/0.png", f"{tmp_path}/2.png"} <= set(result.stdout.split())
