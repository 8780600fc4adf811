"""Structured reports under another of their storage classes, for a peer that does not take their own.

| written as | goes as | where |
|---|---|---|
| Comprehensive SR | Comprehensive 3D SR, which allows all that the former does | always |
| Comprehensive 3D SR | Comprehensive SR | it holds no SCOORD3D, which only the former allows |

PS3.3, A.35.3 and A.35.13. The instance stays the same one, under the same SOP Instance UID.
"""

from pydicom import Dataset
from pydicom.uid import UID, Comprehensive3DSRStorage, ComprehensiveSRStorage

_OTHER = {ComprehensiveSRStorage: Comprehensive3DSRStorage, Comprehensive3DSRStorage: ComprehensiveSRStorage}


def other_class(sop_class: UID) -> UID | None:
    """Give the class that an object may go as where a peer does not take its own; None where there is none."""
    return _OTHER.get(sop_class)


def put_into_class(report: Dataset, sop_class: UID) -> bool:
    """Change the class of a report and of those that it replaces; False where its content does not allow that."""
    if sop_class == ComprehensiveSRStorage and _holds_3d(report):
        return False
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = sop_class
    # What this one replaces went to the same peer in the same way.
    for study in report.get("PredecessorDocumentsSequence", []):
        for series in study.get("ReferencedSeriesSequence", []):
            for reference in series.get("ReferencedSOPSequence", []):
                if reference.get("ReferencedSOPClassUID") in _OTHER:
                    reference.ReferencedSOPClassUID = sop_class
    return True


def _holds_3d(item: Dataset) -> bool:
    return item.get("ValueType") == "SCOORD3D" or any(map(_holds_3d, item.get("ContentSequence", [])))
