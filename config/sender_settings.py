"""Settings of one sender of reports, where it differs from the others."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.section import Section
from config.time_zones import TimeZoneName

Meaning = Literal["none", "preliminary", "final", "corrected", "cancelled"]


def _upper(codes: Mapping[str, Meaning]) -> Mapping[str, Meaning]:
    return {code.strip().upper(): meaning for code, meaning in codes.items()}


class SenderSettings(Section):
    """One sender, found by MSH-3 and MSH-4; what stands at null is as for every other."""

    status: Annotated[
        Mapping[str, Meaning],
        AfterValidator(_upper),
        Field(description="What codes in OBR-25 and OBX-11 mean here, as in {A: final}; others are as HL7 has them."),
    ] = {}
    acks: Annotated[
        Literal["as asked", "original"],
        Field(
            description="`original` answers AA, AE or AR whatever MSH-15 and MSH-16 say, for senders that fill them "
            "and wait for AA."
        ),
    ] = "as asked"
    batch_acks: Annotated[
        Literal["each", "batch"],
        Field(description="Whether a batch gets an acknowledgement for each message, or one batch of them."),
    ] = "each"
    accession_from: Annotated[
        tuple[str, ...] | None, Field(description="Fields that may hold the accession number, the best first.")
    ] = None
    charset: Annotated[
        str | None, Field(description="Character set of messages that declare none and are not UTF-8.")
    ] = None
    time_zone: Annotated[TimeZoneName | None, Field(description="Zone of times without an offset.")] = None
    authority: Annotated[str | None, Field(description="The assigning authority in PID-3 that comes first.")] = None
    identifier_types: Annotated[
        tuple[str, ...] | None, Field(description="Identifier types of PID-3, the best first.")
    ] = None
