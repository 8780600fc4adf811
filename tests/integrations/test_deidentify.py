from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.deidentify import (
    MAX_SHIFT_DAYS,
    NoIdentity,
    UnusableDate,
    UnusableKey,
    age_at_study,
    describe,
    pseudonym,
    shifted_date,
)

KEY = b"sixteen bytes or more"
DAY = date(2024, 3, 11)


def test_a_patient_has_one_pseudonym_under_one_key() -> None:
    assert pseudonym(KEY, "patient", "MRN-17") == pseudonym(KEY, "patient", "MRN-17")
    assert pseudonym(KEY, "patient", "MRN-17") != pseudonym(b"another key of the site", "patient", "MRN-17")


def test_two_patients_have_two_pseudonyms_that_hold_nothing_of_them() -> None:
    assert pseudonym(KEY, "patient", "MRN-17") != pseudonym(KEY, "patient", "MRN-18")
    assert "17" not in pseudonym(KEY, "patient", "MRN-17").removeprefix("patient-")[:2]


def test_a_study_and_a_patient_with_the_same_identifier_are_not_linked() -> None:
    patient, study = (pseudonym(KEY, kind, "17").split("-")[1] for kind in ("patient", "study"))

    assert patient != study


@given(patient=st.text(min_size=1).filter(str.strip), days=st.integers(0, 4000))
def test_dates_of_a_patient_move_together_and_always_move(patient: str, days: int) -> None:
    later = DAY + timedelta(days=days)
    first, second = shifted_date(KEY, patient, DAY), shifted_date(KEY, patient, later)

    assert second - first == later - DAY
    assert 1 <= abs((first - DAY).days) <= MAX_SHIFT_DAYS


def test_patients_are_moved_by_different_days_over_the_whole_range() -> None:
    shifts = {(shifted_date(KEY, f"MRN-{n}", DAY) - DAY).days for n in range(6000)}

    assert shifts == {*range(-MAX_SHIFT_DAYS, 0), *range(1, MAX_SHIFT_DAYS + 1)}


@pytest.mark.parametrize(
    ("born", "age"),
    [
        pytest.param(date(1961, 3, 12), 62, id="the day before a birthday"),
        pytest.param(date(1961, 3, 11), 63, id="on a birthday"),
        pytest.param(date(2024, 3, 11), 0, id="a newborn"),
        pytest.param(date(1934, 3, 12), 89, id="the last age that is told"),
        pytest.param(date(1934, 3, 11), 90, id="the first that is capped"),
        pytest.param(date(1919, 1, 1), 90, id="a very old patient"),
        pytest.param(date(2024, 3, 12), None, id="born after the study"),
    ],
)
def test_an_age_is_in_whole_years_and_capped(born: date, age: int | None) -> None:
    assert age_at_study(born, DAY) == age


def test_an_empty_identifier_has_no_pseudonym() -> None:
    with pytest.raises(NoIdentity):
        pseudonym(KEY, "patient", " ")
    with pytest.raises(NoIdentity):
        shifted_date(KEY, "", DAY)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(UnusableKey):
        pseudonym(b"short", "patient", "MRN-17")


def test_the_description_covers_the_columns_that_are_changed() -> None:
    assert set(describe()) == {"patient", "study", "accession", "study_date", "age"}
    assert str(MAX_SHIFT_DAYS) in describe()["study_date"]


def test_a_placeholder_for_a_date_is_named_rather_than_moved() -> None:
    moves_back = next(str(n) for n in range(50) if shifted_date(KEY, str(n), DAY) < DAY)

    with pytest.raises(UnusableDate):
        shifted_date(KEY, moves_back, date.min)
