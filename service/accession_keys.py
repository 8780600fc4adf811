"""Accession numbers as they are compared: `rules.accession` done to what was received, which itself is kept."""

from collections.abc import Sequence

from config.rule_settings import AccessionRule, DropPrefix


def accession_key(number: str, rules: Sequence[AccessionRule]) -> str:
    """Give an accession number as it is compared; a rule that would leave nothing of it changes nothing."""
    for rule in rules:
        number = _after(number, rule) or number
    return number


def _after(number: str, rule: AccessionRule) -> str:
    if isinstance(rule, DropPrefix):
        return number.removeprefix(rule.drop_prefix)
    if rule == "ignore_case":
        return number.casefold()
    if rule == "ignore_blanks":
        return "".join(number.split())
    return number.lstrip("0")
