"""The conformance statement and the HL7 profile in the documentation are what this code prints."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import Hl7Settings, Settings
from integrations.dicom.statement import conformance_statement
from integrations.hl7.profile import hl7_profile

DOCS = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("dicom-conformance.md", lambda: conformance_statement(Settings().dicom, ())),
        ("hl7-profile.md", lambda: hl7_profile(Hl7Settings())),
    ],
)
def test_the_statement_in_the_documentation_is_the_one_of_this_code(name: str, written: Callable[[], str]) -> None:
    kind = name.partition("-")[0]

    assert (DOCS / name).read_text() == written(), f"write it anew: spinelabel statement {kind} > docs/reference/{name}"
