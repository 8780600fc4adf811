from collections.abc import Callable
from pathlib import Path

from config.settings import DicomSettings, Peer
from integrations.dicom.sender import Delivered, send_objects
from integrations.dicom.stand_in import start_stand_in
from tests.integrations.dicom.conftest import HeardLog
from tests.integrations.dicom.sending import take_apart


def test_the_stand_in_puts_each_object_into_its_folder_once(
    tmp_path: Path, case_files: Callable[[str], list[Path]]
) -> None:
    stand_in = start_stand_in(DicomSettings(ae_title="PACS", port=0), tmp_path / "sr", HeardLog())
    paths = case_files("plain")[:2]
    try:
        answers = send_objects([*paths, paths[0]], Peer(name="pacs", ae_title="PACS", port=stand_in.port), "SENDER")
    finally:
        stand_in.stop()

    assert answers == [Delivered(0, "")] * 3
    kept = [take_apart(path).data_set for path in (tmp_path / "sr").iterdir()]
    assert sorted(kept) == sorted(take_apart(path).data_set for path in paths)
