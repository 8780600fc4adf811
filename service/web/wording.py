"""Sentences as they are shown: what stands between backticks is something to type."""

import re

from markupsafe import Markup, escape


def with_code(sentence: object) -> Markup:
    """Give a sentence for a page, with `commands` and `settings` marked as such."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))  # noqa: S704  # escaped before
