from pathlib import Path

import pytest

from tests.odd.dicom.make_cases import write_case


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    write_case("plain", folder)
    return min(folder.rglob("*.dcm"))
