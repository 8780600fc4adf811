"""The tiny models that labelling is tested with, and invented studies with a set of classifiers trained on them."""

from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.reports.conftest import make_model
from tests.pipeline.training.labelled_studies import STUDIES, train, write_table

__all__ = ["make_model"]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the invented studies."""
    folder = tmp_path_factory.mktemp("studies")
    for study in STUDIES:
        study.write(folder)
    return folder


@pytest.fixture(scope="session")
def table(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The table of a set trained on all of them, and the set's folder."""
    folder = tmp_path_factory.mktemp("trained")
    labels = write_table(folder / "labels.csv", [study.row for study in STUDIES])
    return train(labels, root, folder / "out"), folder / "out"


@pytest.fixture
def out(table: tuple[dict[str, Any], Path], tmp_path: Path) -> Path:
    """A folder for a set in which all studies have been read already."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "encodings").symlink_to(table[1] / "encodings")
    return tmp_path / "out"
