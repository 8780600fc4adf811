"""Settings of storage commitment, for peers that `may` commit."""

from typing import Annotated

from pydantic import Field

from config.section import Section


class CommitmentSettings(Section):
    """How long either side of a storage commitment has."""

    answer_hours: Annotated[
        float,
        Field(
            gt=0,
            description="A destination has this long to say whether it keeps a structured report. It is then asked "
            "again and has twice as long.",
        ),
    ] = 6
    requests: Annotated[
        int, Field(ge=1, le=10, description="How often a destination is asked whether it keeps a structured report.")
    ] = 3
    report_days: Annotated[
        float,
        Field(gt=0, description="How long a peer that asked us to commit to objects is called, until it is told."),
    ] = 7
