"""What is read of an object, however it is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from integrations.dicom.elements import MAX_DEPTH
from integrations.dicom.errors import UnusableIdentifier
from integrations.dicom.header import is_uid, read_header
from tests.odd.dicom.phantom import mr, positions, save

Cases = Callable[[str], list[Path]]

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
AS_PYDICOM_READS = {
    "sop_class_uid": "SOPClassUID",
    "sop_instance_uid": "SOPInstanceUID",
    "study_uid": "StudyInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "accession_number": "AccessionNumber",
    "study_id": "StudyID",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "study_description": "StudyDescription",
    "referring_physician": "ReferringPhysicianName",
    "modality": "Modality",
    "series_description": "SeriesDescription",
    "series_number": "SeriesNumber",
    "instance_number": "InstanceNumber",
    "manufacturer": "Manufacturer",
}


def image(**attributes: Any) -> Dataset:
    return mr("header", "t2", 1, positions()[0], **attributes)


@pytest.mark.parametrize("case", ["plain", "rec-02", "rec-03", "rec-05", "rec-07", "rec-08", "rec-09"])
def test_the_header_is_what_pydicom_reads(case: str, case_files: Cases) -> None:
    for path in case_files(case):
        ds = dcmread(path)
        header = vars(read_header(path, ds.file_meta.TransferSyntaxUID))
        for field, keyword in AS_PYDICOM_READS.items():
            expected = ds.get(keyword)
            assert header[field] == (expected if isinstance(header[field], int) else str(expected or "")), keyword
        assert header["notes"] == ()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_issuers_are_read_from_element_and_sequence(syntax: str, tmp_path: Path) -> None:
    issuer = Dataset()
    issuer.LocalNamespaceEntityID = "WARD"
    save(
        image(IssuerOfPatientID="HOSPITAL", IssuerOfAccessionNumberSequence=[issuer]),
        tmp_path / "image.dcm",
        syntax,
    )

    header = read_header(tmp_path / "image.dcm", syntax)

    assert (header.patient_id_issuer, header.accession_issuer) == ("HOSPITAL", "WARD")


def test_text_that_does_not_fit_its_character_set_is_read_with_the_fallback_and_noted(case_files: Cases) -> None:
    header = read_header(case_files("rec-01")[0], ExplicitVRLittleEndian, "ISO_IR 100")

    assert header.patient_name == "Müller-Lüdenscheidt^Jörg"
    assert header.notes == ("Patient's Name does not fit ISO_IR 192 and is read as ISO_IR 100.",)


def test_items_of_an_unknown_sequence_are_implicit_even_if_a_length_looks_like_a_vr(tmp_path: Path) -> None:
    length_like_a_vr = int.from_bytes(b"AA", "little")
    value = b"\x08\0\x50\x11" + length_like_a_vr.to_bytes(4, "little") + bytes(length_like_a_vr)
    item = b"\xfe\xff\0\xe0\xff\xff\xff\xff" + value + b"\xfe\xff\x0d\xe0\0\0\0\0"
    sequence = b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    save(image(), tmp_path / "image.dcm", raw={0x00091010: sequence})

    assert read_header(tmp_path / "image.dcm", ExplicitVRLittleEndian).series_number == 3


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param("", "is missing", id="empty"),
        pytest.param("1.2.a", "is not a UID", id="a letter"),
        pytest.param("1.2\\1.3", "is not a UID", id="two values"),
        pytest.param("1..2", "is not a UID", id="an empty component"),
        pytest.param("1." + "2" * 63, "is not a UID", id="65 characters"),
    ],
)
def test_an_unusable_uid_is_named_without_its_value(keyword: str, value: str, problem: str, tmp_path: Path) -> None:
    ds = image()
    save(ds, tmp_path / "image.dcm")
    ds = dcmread(tmp_path / "image.dcm")
    ds[keyword]._value = value.split("\\") if "\\" in value else value
    ds.save_as(tmp_path / "faulty.dcm")

    with pytest.raises(UnusableIdentifier) as refusal:
        read_header(tmp_path / "faulty.dcm", ExplicitVRLittleEndian)

    assert problem in refusal.value.comment
    assert len(str(refusal.value)) <= 64
    assert not value or value not in refusal.value.comment


def test_leading_zeros_of_a_uid_are_let_through_and_kept() -> None:
    assert is_uid("1.2.826.0.1.3680043.10.0363.0042.7")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headers")


@given(syntax=st.sampled_from(SYNTAXES), content=st.binary(max_size=400))
def test_bytes_that_are_no_data_set_are_refused(syntax: str, content: bytes, folder: Path) -> None:
    (folder / "garbage.dcm").write_bytes(content)

    with pytest.raises(UnusableIdentifier):
        read_header(folder / "garbage.dcm", syntax)


@given(cut=st.integers(0, 1200))
def test_an_object_cut_anywhere_gives_its_uids_or_is_refused(cut: int, folder: Path) -> None:
    whole = folder / "whole.dcm"
    if not whole.exists():
        save(image(), whole)
    (folder / "cut.dcm").write_bytes(whole.read_bytes()[:cut])

    try:
        header = read_header(folder / "cut.dcm", ExplicitVRLittleEndian)
    except UnusableIdentifier:
        return
    assert header.series_uid == image().SeriesInstanceUID


def test_sequences_nested_without_end_are_not_followed(tmp_path: Path) -> None:
    save(image(), tmp_path / "image.dcm")
    nested = (b"\x09\0\x10\x10SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff") * (MAX_DEPTH * 100)
    (tmp_path / "nested.dcm").write_bytes(nested)

    with pytest.raises(UnusableIdentifier, match="is missing"):
        read_header(tmp_path / "nested.dcm", ExplicitVRLittleEndian)
