"""Which segments of a result message belong to which order (HL7 2.x chapter 7, ORU^R01)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.hl7.segments import Segment

_NOTED = {"OBR", "OBX"}
_STUDY_NAMED = {"ZDS", "IPC"}
_OWNERS = {"MSH", "PID", "PD1", "NK1", "PV1", "PV2", "ORC", "OBR", "OBX", "SPM"}


@dataclass
class OrderGroup:
    """One order with what stands under it: `rows` are OBX and the NTE after OBR or OBX; `others` the rest."""

    patient: Segment | None
    common: Segment | None = None
    request: Segment | None = None
    rows: list[Segment] = field(default_factory=list)
    others: list[Segment] = field(default_factory=list)


def group_orders(segments: Sequence[Segment]) -> list[OrderGroup]:
    """Group a message's segments by order; what stands before the first order belongs to no group.

    A misplaced segment never costs a report: an OBX before the first order belongs to it, a ZDS or IPC above an order
    belongs to that order, and Z segments and segments that we do not use change nothing.
    """
    groups: list[OrderGroup] = []
    patient: Segment | None = None
    current: OrderGroup | None = None
    above: list[Segment] = []
    owner = "MSH"
    for segment in segments:
        owner = segment.name if segment.name in _OWNERS else owner
        if segment.name == "PID":
            patient, current, above = segment, None, []
        elif _opens(segment, current):
            current = OrderGroup(patient, others=above)
            above = []
            groups.append(current)
        if current is None:
            above += [segment] if segment.name in _STUDY_NAMED else []
            continue
        match segment.name:
            case "ORC":
                current.common = segment
            case "OBR":
                current.request = segment
            case "OBX":
                current.rows.append(segment)
            case "NTE" if owner in _NOTED:
                current.rows.append(segment)
            case _:
                current.others.append(segment)
    return groups


def _opens(segment: Segment, current: OrderGroup | None) -> bool:
    if current is None:
        return segment.name in {"ORC", "OBR", "OBX"}
    if segment.name == "ORC":
        return current.common is not None or current.request is not None
    return segment.name == "OBR" and current.request is not None
