"""What a report's status codes mean (HL7 tables 0123 for OBR-25 and 0085 for OBX-11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Standing of a report, by meaning, whatever the code calls it."""

    NONE = "none"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    CORRECTED = "corrected"
    ADDENDED = "addended"
    CANCELLED = "cancelled"

    @property
    def finality(self) -> int:
        """Rank by how final: a lower one never replaces a higher one. A withdrawal is as final as a report."""
        return {Status.NONE: 0, Status.PRELIMINARY: 1}.get(self, 2)


ROW_DELETED = "D"
ORDER_CODES = {
    **dict.fromkeys("OISYZN", Status.NONE),
    **dict.fromkeys("PRAM", Status.PRELIMINARY),
    "F": Status.FINAL,
    "C": Status.CORRECTED,
    "X": Status.CANCELLED,
}
ROW_CODES = {
    **dict.fromkeys("OISN", Status.NONE),
    **dict.fromkeys("PRA", Status.PRELIMINARY),
    **dict.fromkeys("FUBV", Status.FINAL),
    "C": Status.CORRECTED,
    **dict.fromkeys("XW", Status.CANCELLED),
}


@dataclass(frozen=True)
class ReadStatus:
    """A status and what the message log must say about it."""

    status: Status
    notes: tuple[str, ...]


def read_status(
    order_code: str, row_codes: Sequence[str], meanings: Mapping[str, Status], *, addendum: bool, alone: bool
) -> ReadStatus:
    """Weigh OBR-25 against OBX-11 of the text rows: the less final counts.

    `meanings` are codes that mean something else at this sender. `addendum` says that some rows are an addendum,
    `alone` that nothing else stands beside it.
    """
    in_order, in_rows = ORDER_CODES | dict(meanings), ROW_CODES | dict(meanings)
    order = in_order.get(order_code)
    rows = [in_rows[code] for code in row_codes if code in in_rows]
    notes = ["status: OBR-25 is not in table 0123"] if order_code and order is None else []
    if any(code and code not in in_rows for code in row_codes):
        notes.append("status: an OBX-11 is not in table 0085")
    if order is Status.CANCELLED or (rows and set(rows) == {Status.CANCELLED}):
        return ReadStatus(Status.CANCELLED, tuple(notes))
    if Status.CANCELLED in rows:
        notes.append("status: some rows are withdrawn and others not; held")
        return ReadStatus(Status.PRELIMINARY, tuple(notes))
    known = [*([order] if order is not None else []), *rows]
    if not known:
        return ReadStatus(Status.NONE, (*notes, "status: neither OBR-25 nor OBX-11 has one; held"))
    least = min(known, key=lambda status: status.finality)
    if order is not None and any(row.finality != order.finality for row in rows):
        notes.append("status: OBR-25 and OBX-11 differ; the less final counts")
    if least.finality == Status.FINAL.finality:
        return ReadStatus(_kind_of_final(known, addendum=addendum, alone=alone), tuple(notes))
    return ReadStatus(least, tuple(notes))


def _kind_of_final(known: Sequence[Status], *, addendum: bool, alone: bool) -> Status:
    if alone:
        return Status.ADDENDED
    if Status.CORRECTED in known:
        return Status.CORRECTED
    return Status.ADDENDED if addendum else Status.FINAL
