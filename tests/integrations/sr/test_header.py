import pytest
from pydicom import Dataset

from integrations.sr.header import patient_and_study
from tests.integrations.sr.studies import as_received, mr_image, mr_study, written

MUELLER = "Müller-Lüdenscheidt^Jörg"
SATO = "Sato^Hanako=佐藤^花子=さとう^はなこ"


@pytest.mark.parametrize(
    ("image", "fallback", "name"),
    [
        pytest.param(as_received(mr_image(1, PatientName=MUELLER)), "ISO_IR 100", MUELLER, id="Latin-1, declared"),
        pytest.param(
            as_received(mr_image(1, PatientName=MUELLER), swap=(b"ISO_IR 100", b"ISO_IR 192")),
            "ISO_IR 100",
            MUELLER,
            id="Latin-1, declared as UTF-8",
        ),
        pytest.param(
            as_received(
                mr_image(1, SpecificCharacterSet="ISO_IR 144", PatientName="Иванов^Пётр"),
                swap=(b"ISO_IR 144", b"ISO_IR 6  "),
            ),
            "ISO_IR 144",
            "Иванов^Пётр",
            id="Cyrillic, undeclared",
        ),
        pytest.param(
            as_received(
                mr_image(1, SpecificCharacterSet="ISO_IR 144", PatientName="Иванов^Пётр"),
                swap=(b"ISO_IR 144", b"NO_SUCH_CS"),
            ),
            "ISO_IR 144",
            "Иванов^Пётр",
            id="Cyrillic under an unknown set",
        ),
        pytest.param(
            as_received(mr_image(1, SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=SATO)),
            "ISO_IR 100",
            SATO,
            id="Japanese with code extensions",
        ),
        pytest.param(
            as_received(mr_image(1, SpecificCharacterSet="ISO_IR 192", PatientName=SATO)),
            "ISO_IR 100",
            SATO,
            id="Japanese in UTF-8",
        ),
    ],
)
def test_a_name_is_read_whole(image: Dataset, fallback: str, name: str) -> None:
    header = patient_and_study(image, fallback)

    assert str(header.PatientName) == name


@pytest.mark.parametrize("decoded_by_others", [False, True])
def test_text_damaged_before_it_came_leaves_no_replacement_character(decoded_by_others: bool) -> None:
    image = as_received(mr_image(1, SpecificCharacterSet="ISO_IR 192", PatientName="M\ufffdller^J"))
    if decoded_by_others:
        assert "\ufffd" in str(image.PatientName)

    assert str(patient_and_study(image, "ISO_IR 100").PatientName) == "Mller^J"


def test_text_inside_sequences_is_read_in_its_character_set() -> None:
    procedure = Dataset()
    procedure.CodeValue, procedure.CodingSchemeDesignator, procedure.CodeMeaning = "17", "99SITE", "Позвоночник"
    procedure.add_new(0x00090010, "LO", "MAKER")
    procedure.add_new(0x00091001, "LO", "private")
    procedure.PatientWeight = 70
    image = as_received(mr_image(1, SpecificCharacterSet="ISO_IR 144", ProcedureCodeSequence=[procedure]))
    (item,) = patient_and_study(image, "ISO_IR 100").ProcedureCodeSequence

    assert item.CodeMeaning == "Позвоночник"
    assert len(item) == 3


def test_the_report_carries_the_name_in_unicode() -> None:
    document = written(study=mr_study(PatientName=MUELLER, SpecificCharacterSet="ISO_IR 100"))

    assert document.SpecificCharacterSet == "ISO_IR 192"
    assert str(document.PatientName) == MUELLER


def test_what_is_absent_is_written_empty_and_nothing_is_made_up() -> None:
    bare = Dataset()
    header = patient_and_study(as_received(_with_identity(bare)), "ISO_IR 100")

    assert all(element.is_empty for element in header)
    assert len(header) == 9


def _with_identity(image: Dataset) -> Dataset:
    full = mr_image(1)
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(image, keyword, full.get(keyword))
    return image


@pytest.mark.parametrize(
    ("keyword", "sent", "kept"),
    [
        pytest.param("PatientBirthDate", b"1961    ", "1961", id="a year for a date"),
        pytest.param("StudyTime", b"1015PM", "1015PM", id="a time in words"),
        pytest.param("PatientSex", b"F\0", "F", id="a sex filled with NUL"),
        pytest.param("PatientSex", b"W ", "W", id="a sex in German"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_value_against_its_rules_is_kept_without_a_warning_that_quotes_it(
    keyword: str, sent: bytes, kept: str
) -> None:
    proper = {"PatientBirthDate": "19610704", "StudyTime": "101507", "PatientSex": "XX"}[keyword]
    image = as_received(mr_image(1, **{keyword: proper}), swap=(proper.encode(), sent))

    assert str(patient_and_study(image, "ISO_IR 100")[keyword].value) == kept


@pytest.mark.parametrize("offset", ["", "Z", "+1", "UTC+1", "+9900"])
def test_a_zone_that_is_no_offset_is_left_out(offset: str) -> None:
    image = mr_image(1)
    image.TimezoneOffsetFromUTC = offset

    assert "TimezoneOffsetFromUTC" not in patient_and_study(image, "ISO_IR 100")
