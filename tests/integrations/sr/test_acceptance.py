import pytest

from integrations.sr.acceptance import accepted_findings
from pipeline.values import Source, Standing
from tests.integrations.sr.studies import finding

MIXED = tuple(finding("stenosis", level="L4-L5", source=Source.IMAGE, standing=standing) for standing in Standing)


def test_a_destination_for_trials_takes_everything() -> None:
    assert accepted_findings(MIXED, "trial") == (MIXED, "")


def test_a_destination_for_calibrated_parts_takes_those_and_names_the_rest() -> None:
    accepted = accepted_findings(MIXED, "calibrated")

    assert [one.standing for one in accepted.findings] == [Standing.CALIBRATED, Standing.CALIBRATED_HERE]
    assert accepted.left_out == (
        "Left out, as this destination takes calibrated parts only: stenosis at L4-L5 from the images (demonstration), "
        "stenosis at L4-L5 from the images (uncalibrated)."
    )


def test_nothing_is_said_to_be_left_out_where_nothing_is() -> None:
    assert accepted_findings(MIXED[2:], "calibrated").left_out == ""


@pytest.mark.parametrize("standing", [Standing.DEMONSTRATION, Standing.UNCALIBRATED])
def test_a_destination_may_get_nothing(standing: Standing) -> None:
    assert accepted_findings([finding("cancer", standing=standing)], "calibrated").findings == ()
