"""Folders that appear whole, whoever is killed and whoever else writes."""

from pathlib import Path

import pytest

from service.whole_folders import written_aside


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    with written_aside(tmp_path / "run") as aside:
        (aside / "table").write_text("1")
        assert not (tmp_path / "run").exists()

    assert names(tmp_path) == ["run"]
    assert (tmp_path / "run" / "table").read_text() == "1"


def test_what_a_killed_writer_left_goes_and_what_another_writes_now_stays(tmp_path: Path) -> None:
    left = tmp_path / ".before.00000000.part"
    left.mkdir()
    (left / "half a table").touch()

    with written_aside(tmp_path / "one") as one, written_aside(tmp_path / "two"):
        assert one.exists()
        assert not left.exists()

    assert names(tmp_path) == ["one", "two"]


def test_of_two_writers_of_one_folder_the_first_that_is_done_counts(tmp_path: Path) -> None:
    def overtaken() -> None:
        with written_aside(tmp_path / "run") as late:
            (late / "by").write_text("the late one")
            with written_aside(tmp_path / "run") as early:
                (early / "by").write_text("the early one")

    with pytest.raises(FileExistsError):
        overtaken()

    assert names(tmp_path) == ["run"]
    assert (tmp_path / "run" / "by").read_text() == "the early one"


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), written_aside(tmp_path / "run"):
        raise ZeroDivisionError

    assert names(tmp_path) == []
