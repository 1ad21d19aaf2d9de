# SPDX-License-Identifier: Apache-2.0
import errno
import os
import stat

import pytest

from cl_keras import files


def test_a_reader_finds_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = files.write_text(tmp_path / "new" / "folder" / "a.json", "old")
    with files.replacing(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old" and draft.suffix == ".json"
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["a.json"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    path = files.write_text(tmp_path / "a", "old")
    with pytest.raises(OSError, match="full"), files.replacing(path) as draft:
        draft.write_text("ne")
        raise OSError("disk full")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_others_may_read_it_as_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    path = files.write_text(tmp_path / "a", "")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(
        (tmp_path / "plain").stat().st_mode
    )


def test_two_that_write_at_once_do_not_mix(tmp_path):
    path = tmp_path / "a"
    with files.replacing(path) as one, files.replacing(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"


def test_what_a_kill_left_goes_a_day_later(tmp_path):
    path, other = tmp_path / "a [1].npz", tmp_path / "b.npz"
    file, old, filling, young, others = (
        files.draft_of(p) for p in (path, path, path, path, other)
    )
    file.write_text("half")
    for folder in (old, filling, young, others):
        folder.mkdir()
        (folder / "part").write_text("half")
    for left in (file, old / "part", old, filling, others / "part", others):
        os.utime(left, (0, 0))
    files.draft_of(path)
    assert set(tmp_path.iterdir()) == {filling, young, others}


def test_an_error_of_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(OSError, match=r"No space left.*/a'") as caught:
        with files.replacing(path):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    with pytest.raises(FileNotFoundError, match="other"), files.naming(path):
        (tmp_path / "other").read_text()
