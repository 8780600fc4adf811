"""Rules about identifiers: how accession numbers are compared that two systems write differently."""

from typing import Annotated, Literal

from pydantic import Field

from config.section import Section


class DropPrefix(Section):
    """Leave out what one side puts in front."""

    drop_prefix: Annotated[str, Field(min_length=1, description="Characters that are left out at the front.")]


AccessionRule = Literal["ignore_case", "ignore_blanks", "ignore_leading_zeros"] | DropPrefix


class RuleSettings(Section):
    """How identifiers are compared. What was received is kept as it came."""

    accession: Annotated[
        tuple[AccessionRule, ...],
        Field(
            description="What is done, in this order, to accession numbers of both sides before they are compared: "
            "`ignore_case`, `ignore_blanks`, `ignore_leading_zeros`, or `{drop_prefix: RAD-}`. "
            "`spinelabel pair --preview` shows what rules would change."
        ),
    ] = ()
