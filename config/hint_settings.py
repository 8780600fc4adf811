"""Settings of what peers that `may` announce tell of studies under way or complete."""

from typing import Annotated

from pydantic import Field

from config.section import Section


class HintSettings(Section):
    """How far such a word is believed."""

    hold_hours: Annotated[
        float,
        Field(
            gt=0,
            description="A study with a procedure step in progress is taken as incomplete for this long after the last "
            "word of the step and the last image, in case its end is never told.",
        ),
    ] = 2
