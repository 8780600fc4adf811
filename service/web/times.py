"""Times as people read them: in the site's zone, and as an age."""

from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup


def local_time(at: datetime, zone: ZoneInfo) -> Markup:
    """Give a time in a zone, with its offset where somebody points at it."""
    local = at.astimezone(zone)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(  # format escapes
        at.isoformat(timespec="seconds"), f"UTC{local:%z}", f"{local:%Y-%m-%d %H:%M:%S}"
    )


def age(at: datetime, now: datetime) -> str:
    """Give how long ago something was, in the largest unit that fits."""
    seconds = max(0.0, (now - at).total_seconds())
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"
