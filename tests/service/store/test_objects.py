import os
from pathlib import Path

import pytest

from service.errors import DiskNearlyFull
from service.store.objects import ObjectStore


def arrived(store: ObjectStore, content: bytes = b"an object") -> Path:
    path = store.incoming / "arrived"
    path.write_bytes(content)
    return path


def test_a_placed_object_has_its_bytes_under_the_name_of_its_content(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)

    name = store.place(arrived(store), "ab" * 32)

    assert name == f"ab/ab/{'ab' * 32}"
    assert store.path(name).read_bytes() == b"an object"
    assert list(store.incoming.iterdir()) == []


@pytest.fixture
def synchronised(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Give what is synchronised from now on, in order."""
    paths: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: paths.append(Path(f"/proc/self/fd/{fd}").readlink()))
    return paths


def test_an_object_and_every_name_on_its_way_are_synchronised_before_it_counts_as_placed(
    tmp_path: Path, synchronised: list[Path]
) -> None:
    store = ObjectStore(tmp_path / "data")

    name = store.place(arrived(store), "ab" * 32)

    folder = store.path(name).parent
    ways = [tmp_path, tmp_path / "data", store.root, store.root / "ab", folder]
    assert synchronised == [store.incoming / "arrived", *ways]


def test_a_folder_that_another_made_and_has_not_yet_synchronised_is_synchronised_by_who_needs_it(
    tmp_path: Path, synchronised: list[Path]
) -> None:
    store = ObjectStore(tmp_path / "data")
    (store.root / "ab" / "ab").mkdir(parents=True)

    store.place(arrived(store), "ab" * 32)

    assert {store.root, store.root / "ab"} <= set(synchronised)


def test_a_folder_that_is_known_to_be_on_disk_is_not_synchronised_again(
    tmp_path: Path, synchronised: list[Path]
) -> None:
    store = ObjectStore(tmp_path / "data")
    store.place(arrived(store), "ab" * 32)
    synchronised.clear()

    name = store.place(arrived(store, b"another"), "ab" * 31 + "cd")

    assert synchronised == [store.incoming / "arrived", store.path(name).parent]


def test_the_same_content_placed_again_is_one_file(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)

    first = store.place(arrived(store), "ab" * 32)
    second = store.place(arrived(store), "ab" * 32)

    assert first == second
    assert [path for path in store.root.rglob("*") if path.is_file()] == [store.path(first)]


def test_nothing_is_placed_on_a_disk_that_would_be_too_full(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path, keep_free_bytes=1 << 62)

    with pytest.raises(DiskNearlyFull):
        store.place(arrived(store), "ab" * 32)

    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_only_the_service_user_can_read_the_store(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    name = store.place(arrived(store), "ab" * 32)

    assert {folder.stat().st_mode & 0o077 for folder in [store.root, store.incoming, store.path(name).parent]} == {0}
