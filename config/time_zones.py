"""Names of time zones in the settings."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator


def _is_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is no time zone of the IANA database, such as Europe/Berlin") from error
    return name


TimeZoneName = Annotated[str, AfterValidator(_is_time_zone)]
