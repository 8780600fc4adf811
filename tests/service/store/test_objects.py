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


def test_an_object_and_its_name_are_synchronised_before_it_counts_as_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(tmp_path)
    synchronised: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synchronised.append(Path(f"/proc/self/fd/{fd}").readlink()))

    name = store.place(arrived(store), "ab" * 32)

    folder = store.path(name).parent
    assert synchronised == [store.incoming / "arrived", store.root, store.root / "ab", folder]


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
