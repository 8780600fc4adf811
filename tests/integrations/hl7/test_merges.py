import pytest

from integrations.hl7.identifiers import PatientId
from integrations.hl7.merges import Merge, current_ids
from integrations.hl7.oru import read_message
from tests.integrations.hl7.cases import SITE

MSH = "MSH|^~\\&|ADTHUB||||20260301||{kind}|C1|P|2.5.1"
A, B, C = (PatientId(number, "NORTHMOOR", "MR") for number in "ABC")


def merges(*pairs: tuple[PatientId, PatientId]) -> dict[str, str]:
    """What each number means after these merges of the first of a pair into the second."""
    return {old: new.id for (old, _), new in current_ids(Merge(old, new) for old, new in pairs).items()}


@pytest.mark.parametrize("kind", ["ADT^A18", "ADT^A34", "ADT^A40", "ADT^A47"])
def test_each_merge_is_read_with_the_patient_before_it(kind: str) -> None:
    pairs = "PID|1||B^^^NORTHMOOR^MR\rMRG|A^^^NORTHMOOR^MR\rPID|2||C^^^NORTHMOOR^MR\rMRG|1^^^OTHER^XX~B^^^NORTHMOOR^MR"

    read = read_message(f"{MSH.format(kind=kind)}\r{pairs}\r".encode(), SITE)

    assert read.fault is None
    assert read.merges == (Merge(A, B), Merge(B, C))


@pytest.mark.parametrize(
    ("segments", "place", "code"),
    [
        pytest.param("PID|1||A^^^X\rMRG|A^^^X", "MRG-1", "205", id="into itself"),
        pytest.param("PID|1||A^^^X\rMRG|", "MRG-1", "101", id="no old number"),
        pytest.param("PID|1\rMRG|A^^^X", "PID-3", "101", id="no new number"),
        pytest.param("PID|1||A^^^X", "MRG-0", "100", id="no MRG"),
    ],
)
def test_a_merge_that_cannot_be_is_refused_with_the_place_named(segments: str, place: str, code: str) -> None:
    read = read_message(f"{MSH.format(kind='ADT^A40')}\r{segments}\r".encode(), SITE)

    assert read.fault is not None
    assert (str(read.fault.place), read.fault.code, read.merges) == (place, code, ())


def test_merges_are_followed_to_the_last_number() -> None:
    assert merges((A, B), (B, C)) == {"A": "C", "B": "C"}
    assert merges((B, C), (A, B)) == {"A": "C", "B": "C"}


def test_a_merge_back_makes_no_circle() -> None:
    assert merges((A, B), (B, A)) == {"B": "A"}
    assert merges((A, B), (B, C), (C, A)) == {"B": "A", "C": "A"}
