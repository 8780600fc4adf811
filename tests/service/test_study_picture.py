"""The picture of the discs on a study's page."""

import hashlib
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite
from sqlalchemy import Engine

from pipeline.training.drawn_studies import drawn_study
from pipeline.values import Disc
from service.store.database import writing
from service.store.objects import ObjectStore
from service.store.states import ObjectState
from service.store.tables import Instance, Series, Study
from tests.service.browsing import link, text
from tests.service.rows import NOW, add_study


@pytest.fixture
def discs_address(engine: Engine, tmp_path: Path) -> str:
    """A study of which one image is kept, with a disc on it; gives the address of its picture."""
    add_study(engine)
    image = drawn_study(3).datasets[6]
    content = DicomBytesIO()
    dcmwrite(content, image, enforce_file_format=True)
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    outline = ((100.0, 150.0), (140.0, 150.0), (140.0, 162.0), (100.0, 150.0))
    disc = Disc("L4-L5", image.SOPInstanceUID, 156.0, 120.0, (0.0, 0.0, 0.0), 0.0, 0.9, outline)
    with writing(engine) as session:
        study = session.get_one(Study, 1)
        study.discs, study.levels_reason = [asdict(disc)], "counted up from the sacrum"
        series = Series(study_id=1, series_uid=image.SeriesInstanceUID, modality="MR")
        session.add_all([study, series])
        session.flush()
        session.add(
            Instance(
                sop_instance_uid=image.SOPInstanceUID,
                sop_class_uid=image.SOPClassUID,
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                series_id=series.id,
                sha256=sha256,
                file=ObjectStore(tmp_path).place_bytes(content.getvalue(), sha256),
                bytes=1,
                calling_ae="SCANNER",
                address="127.0.0.1",
                received=NOW,
                state=ObjectState.STORED,
            )
        )
    return f"/studies/{link(engine, Study)}/discs.png"


def test_a_study_shows_its_discs_on_their_slice(page: TestClient, discs_address: str) -> None:
    answer = page.get(discs_address)

    picture = np.asarray(Image.open(BytesIO(answer.content)))
    assert answer.headers["content-type"] == "image/png"
    assert ((picture[..., 0] > 200) & (picture[..., 2] < 80)).any()


def test_a_study_says_in_words_what_its_picture_shows(page: TestClient, discs_address: str) -> None:
    address = discs_address.removesuffix("/discs.png")

    assert 'alt="Slice with the 1 discs that were found: L4-L5"' in page.get(address).text
    assert "counted up from the sacrum" in text(page, address).lower()


def test_a_study_that_was_read_before_the_names_had_a_reason_says_what_its_images_say(
    engine: Engine, page: TestClient, discs_address: str
) -> None:
    with writing(engine) as session:
        study = session.get_one(Study, 1)
        study.levels_reason, study.images_reason = "", "the only usable series; counted up from the sacrum"

    shown = page.get(discs_address.removesuffix("/discs.png")).text

    assert "<figcaption>the only usable series; counted up from the sacrum" in shown
    assert page.get(discs_address).status_code == 200


def test_where_pixels_were_removed_there_is_no_picture(engine: Engine, page: TestClient, discs_address: str) -> None:
    with writing(engine) as session:
        instance = session.get_one(Instance, 1)
        instance.state = ObjectState.HEADER
        session.add(instance)

    assert page.get(discs_address).status_code == 404
    assert "<img" not in page.get(discs_address.removesuffix("/discs.png")).text
