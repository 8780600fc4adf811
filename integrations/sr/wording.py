"""What a structured report says in words: standing, reasons, the disclaimer."""

from collections.abc import Sequence

from pipeline.values import Finding, Source, Standing, State, restricted_by

STANDING = {
    Standing.DEMONSTRATION: "demonstration: fitted on invented data only, it shows the path and not the patient",
    Standing.UNCALIBRATED: "uncalibrated: its probabilities and its threshold were not set on reports of known answer",
    Standing.CALIBRATED: "calibrated on real reports of known answer, not on this site's",
    Standing.CALIBRATED_HERE: "calibrated here, on this site's own cases",
}
"""What a standing means, beginning with its name."""

_ABSTENTION = {
    State.UNCERTAIN: "The answer is too close to call.",
    State.NOT_MENTIONED: "The report does not mention it.",
    State.NOT_IMAGED: "This level lies outside what was imaged.",
}
_FROM = {Source.REPORT: "from the report", Source.IMAGE: "from the images"}


def named(finding: Finding) -> str:
    """Name a finding for people, such as `stenosis at L4-L5 from the images`."""
    level = f" at {finding.level}" if finding.level else ""
    return f"{finding.condition}{level} {_FROM[finding.source]}"


def reason(finding: Finding) -> str:
    """Say why a finding is undetermined, or what limits its answer; empty where there is nothing to say."""
    said = finding.reason or _ABSTENTION.get(finding.state, "")
    return said or ("No answer was given." if finding.answer is None else "")


def disclaimer(findings: Sequence[Finding], version: str, left_out: str) -> str:
    """Say for the head of a report who made it, how far its parts can be trusted, and what they cannot do."""
    sentences = [f"Machine-made by Spinelabel {version}. No person has reviewed it."]
    for source in Source:
        standings = {finding.standing for finding in findings if finding.source is source}
        sentences.extend(
            f"Findings {_FROM[source]} are {STANDING[standing]}." for standing in Standing if standing in standings
        )
    sentences.extend(f"Use of findings {_FROM[Source.IMAGE]} is limited by {part}." for part in restricted_by(findings))
    sentences.append(
        "Absent and undetermined do not rule a condition out. A level may be misnamed. "
        "Not for diagnosis without reading the report and the images."
    )
    if left_out:
        sentences.append(left_out)
    return " ".join(sentences)
