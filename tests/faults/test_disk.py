# SPDX-License-Identifier: Apache-2.0
"""Disks that are full or read-only, and folders that one may not write into."""

import contextlib
import os
import shutil
import subprocess

import pytest
from faults.campaign import COMMAND, fill
from faults.scenarios import NAME, WRITERS, clear

pytestmark = pytest.mark.slow
LONG = ("litert", "onnx", "embed", "bulk")


class Disk:
    """A small file system in memory."""

    size = 64 * 2**20

    def __init__(self, folder):
        self.folder = folder

    def free(self):
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_bsize

    @contextlib.contextmanager
    def only(self, room):
        """Leaves so many bytes free."""
        filler = self.folder / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free() - room)
        try:
            yield
        finally:
            filler.unlink()

    @contextlib.contextmanager
    def read_only(self):
        self.mount("-o", "remount,ro")
        try:
            yield
        finally:
            self.mount("-o", "remount,rw")

    def mount(self, *options):
        subprocess.run(
            ["mount", "-t", "tmpfs", *options, "cl_keras", self.folder],
            check=True,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def disk(tmp_path):
    found = Disk(tmp_path / "disk")
    found.folder.mkdir()
    try:
        found.mount("-o", f"size={found.size}")
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        said = getattr(error, "stderr", error)
        pytest.skip(f"needs leave to mount a file system: {said}")
    yield found
    subprocess.run(["umount", "-l", found.folder], check=True)


@pytest.mark.parametrize(
    "name",
    [pytest.param(x, marks=[pytest.mark.long] * (x in LONG)) for x in WRITERS],
)
def test_a_full_disk_stops_a_command_and_costs_nothing(
    name, warm, tally, made, disk, long
):
    scenario = WRITERS[name](made, disk.folder / "place")
    with tally("disk full", scenario.title) as row:
        fill(warm, scenario, row, disk, 6 if long else 1)


@pytest.mark.parametrize(
    "method", ["dgi", pytest.param("moco", marks=pytest.mark.long)]
)
def test_a_full_disk_stops_a_training_which_goes_on(
    method, warm, tally, family, disk, long
):
    scenario = family(method, disk.folder / "place")
    with tally("disk full", scenario.title) as row:
        fill(warm, scenario, row, disk, 6 if long else 2)


def refused(status, said, path):
    """One line that names what cannot be written, and no traceback."""
    lines = said.strip().splitlines()
    assert status == 1 and lines[-1].startswith("error: "), said
    assert str(path) in said and "Traceback" not in said, said


# What is asked of an entry, and whether it must be answered although nothing can be
# written.
ASKED = {
    "zoo fetch": True,
    "zoo info": True,
    "zoo verify": True,
    "zoo add": False,
    "export": False,
    "embed": False,
    "pack": False,
    "train": False,
}


def commands(made, folder):
    """Each command, with all that it writes in the folder."""
    registry, run = folder / "registry", folder / "run"
    named = NAME, "--registry", registry
    saved = "--saved-model", run / "serving" / "1"
    return {
        "zoo fetch": ("zoo", "fetch", *named),
        "zoo info": ("zoo", "info", *named),
        "zoo verify": ("zoo", "verify", *named),
        "zoo add": ("zoo", "add", run, "--registry", registry, *saved, "--overwrite"),
        "export": ("export", run, run / "serving"),
        "embed": ("embed", run, made.photos, "--out", run / "features.npz"),
        "pack": ("pack", made.photos, run / "packed"),
        "train": ("train", "dgi", "--data", made.graph, "--out", run, "--resume"),
    }


def content(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def check_all(warm, row, made, folder, plain):
    """Reads work, writes are refused by name, and nothing has changed."""
    before = content(folder)
    for name, arguments in commands(made, folder).items():
        code = f"import os; os.environ['CL_KERAS_CACHE'] = {str(folder / 'cache')!r}; "
        status, said = warm.run(code + COMMAND, *arguments, plain=plain)
        row.times += 1
        if ASKED[name]:
            row.holds(answered, name, status, said)
        else:
            row.holds(refused, status, said, folder)
    row.holds(same_content, before, content(folder))


def answered(name, status, said):
    assert status == 0, f"{name}: {said}"


def same_content(before, now):
    assert before == now


@pytest.fixture
def filled(made, warm):
    """Fills a folder with a run, a registry of files elsewhere, and a cache of them."""

    def put(folder):
        shutil.copytree(made.run, folder / "run")
        shutil.copytree(made.served, folder / "registry")
        code = f"import os; os.environ['CL_KERAS_CACHE'] = {str(folder / 'cache')!r}; "
        named = NAME, "--registry", folder / "registry"
        for command in ("fetch", "verify"):
            status, said = warm.run(code + COMMAND, "zoo", command, *named)
            assert status == 0, said

    return put


def test_where_nothing_may_be_written_what_is_there_is_used(
    warm, tally, made, disk, filled
):
    filled(disk.folder)
    with tally("read-only disk", "cache, registry, run") as row, disk.read_only():
        check_all(warm, row, made, disk.folder, plain=False)


def test_without_permission_what_is_there_is_used(warm, tally, made, filled, tmp_path):
    folder = tmp_path / "place"
    clear(folder)
    filled(folder)
    places = [folder, *(p for p in folder.rglob("*") if p.is_dir())]
    for place in places:
        place.chmod(0o555)
    try:
        with tally("no permission", "cache, registry, run") as row:
            check_all(warm, row, made, folder, plain=True)
    finally:
        for place in places:
            place.chmod(0o755)
