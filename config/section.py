"""What all sections of the settings have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section: its values do not change, and a key that is none is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
