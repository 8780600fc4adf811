"""Which findings a destination takes."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from integrations.sr.wording import named
from pipeline.values import Finding, Standing

_CALIBRATED = (Standing.CALIBRATED, Standing.CALIBRATED_HERE)


class AcceptedFindings(NamedTuple):
    """What a destination gets, and in words what it does not get and why; empty where it gets all."""

    findings: tuple[Finding, ...]
    left_out: str


def accepted_findings(findings: Sequence[Finding], accepts: Literal["calibrated", "trial"]) -> AcceptedFindings:
    """Keep the findings whose part has the standing that a destination accepts.

    Where `findings` comes back empty, the destination gets no structured report.
    """
    if accepts == "trial":
        return AcceptedFindings(tuple(findings), "")
    kept = tuple(finding for finding in findings if finding.standing in _CALIBRATED)
    refused = [f"{named(finding)} ({finding.standing})" for finding in findings if finding.standing not in _CALIBRATED]
    if not refused:
        return AcceptedFindings(kept, "")
    return AcceptedFindings(kept, f"Left out, as this destination takes calibrated parts only: {', '.join(refused)}.")
