"""Frames of a multi-frame object as the single images they would be, from its functional groups."""

from collections.abc import Iterator

from pydicom import DataElement, Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag

from pipeline.images import elements

GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_RENAMED = {
    "FrameType": "ImageType",
    "EffectiveEchoTime": "EchoTime",
    "InversionTimes": "InversionTime",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
}
"""Attributes of Enhanced MR (PS3.3 C.8.13) by what single images call them."""
_KEPT = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RepetitionTime", "EchoTime",
    "InversionTime", "ImageType", "ScanningSequence", "ScanOptions", "SequenceName", "AcquisitionNumber",
    "AcquisitionDate", "AcquisitionTime", "TemporalPositionIdentifier", "StackID", "RescaleSlope", "RescaleIntercept",
)  # fmt: skip
_PULSES = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}
_FAT = {"FAT", "FAT_AND_WATER"}


def split_frames(ds: Dataset) -> list[Dataset]:
    """Give each frame's attributes under the names that single images have for them (PS3.3 C.7.6.16).

    Those of the frame go before those that all share, and these before the object's own. Legacy converted objects,
    which keep the old names in groups of unassigned attributes (C.7.6.16.2.25), are read too. There is none where the
    object has no functional groups.

    Raises:
        what `elements.DAMAGE` lists, where groups do not fit their value representation.
    """
    per_frame = ds.get(GROUPS[1]) or []
    shared = next(iter(ds.get(GROUPS[0]) or []), Dataset())
    common = Dataset()
    for keyword in ("PulseSequenceName", "EchoPulseSequence", "EchoPlanarPulseSequence", "InversionRecovery"):
        _put(common, keyword, ds)
    _take(common, shared)
    return [_frame(ds, common, groups) for groups in per_frame]


def _frame(ds: Dataset, common: Dataset, groups: Dataset) -> Dataset:
    own = Dataset()
    own.update(common)
    _take(own, groups)
    if name := elements.text(own, "PulseSequenceName"):
        _set(own, "SequenceName", name[:16])
    if pulses := tuple(_techniques(own)):
        _set(own, "ScanningSequence", list(pulses))
    if elements.text(own, "SpectrallySelectedSuppression") in _FAT:
        _set(own, "ScanOptions", "FS")
    moment = elements.text(own, "FrameAcquisitionDateTime") or elements.text(ds, "AcquisitionDateTime")
    if moment:
        _set(own, "AcquisitionDate", moment[:8])
        _set(own, "AcquisitionTime", moment[8:].partition("+")[0].partition("-")[0])
    frame = Dataset()
    frame.update({tag: element for tag, element in ds.items() if tag not in _GROUP_TAGS})
    for keyword in _KEPT:
        _put(frame, keyword, own)
    return frame


_GROUP_TAGS = {Tag(tag_for_keyword(keyword) or 0) for keyword in GROUPS}


def _take(into: Dataset, groups: Dataset) -> None:
    """Copy what the functional groups of one item hold."""
    for group in groups:
        if group.VR != "SQ" or not group.value:
            continue
        for element in group.value[0]:
            if element.VR == "SQ" or element.tag.is_private:
                continue
            into[element.tag] = element
            if element.keyword in _RENAMED:
                _rename(into, element)


def _rename(into: Dataset, element: DataElement) -> None:
    values = element.value
    if element.keyword == "InversionTimes" and isinstance(values, list | tuple):
        values = next(iter(values), None)
    _set(into, _RENAMED[element.keyword], values)


def _set(into: Dataset, keyword: str, value: object) -> None:
    """Put an element of its own; the one that is there may belong to other frames too."""
    into.pop(keyword, None)
    setattr(into, keyword, value)


def _techniques(own: Dataset) -> Iterator[str]:
    """Give Scanning Sequence (0018,0020) from what Enhanced MR says of the pulses (PS3.3 C.8.13.4)."""
    yield from _PULSES.get(elements.text(own, "EchoPulseSequence"), ())
    if elements.text(own, "EchoPlanarPulseSequence") == "YES":
        yield "EP"
    if elements.text(own, "InversionRecovery") == "YES":
        yield "IR"


def _put(into: Dataset, keyword: str, source: Dataset) -> None:
    if keyword in source:
        into[Tag(tag_for_keyword(keyword) or 0)] = source[keyword]
