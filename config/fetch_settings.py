"""Settings of what is asked for at other nodes."""

from typing import Annotated

from pydantic import Field

from config.section import Section


class FetchSettings(Section):
    """Which studies are fetched from the peers that may be queried; without such a peer nothing is."""

    modalities: Annotated[
        tuple[str, ...], Field(min_length=1, description="A study is fetched if it holds one of these modalities.")
    ] = ("MR",)
    wait_seconds: Annotated[
        float, Field(ge=0, description="A report whose study has not come for this long has it asked for.")
    ] = 300
    tries: Annotated[
        int,
        Field(
            ge=1, le=100, description="A study is asked for so often, after pauses of a minute that double to an hour."
        ),
    ] = 10
    wait_for_rest_minutes: Annotated[
        float,
        Field(ge=0, description="How long a study waits for the rest where the PACS has more of it than has come."),
    ] = 10
    priors: Annotated[
        int,
        Field(
            ge=0, le=20, description="Earlier studies of the same patient and part of the body that are fetched too."
        ),
    ] = 0
    campaign_per_hour: Annotated[
        int, Field(ge=1, description="Studies that `spinelabel fetch` has fetched in an hour at most.")
    ] = 60
