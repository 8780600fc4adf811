"""Enhanced MR objects (PS3.3 A.36) that hold in frames what single images hold one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.uid import EnhancedMRImageStorage

from tests.odd.dicom.phantom import case, put, save, study, t2_series, uid

_PER_IMAGE = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "EchoTime", "RepetitionTime",
    "ImageType", "ScanningSequence", "ScanOptions", "SequenceName", "SliceLocation", "EchoNumbers", "Rows", "Columns",
    "AcquisitionTime", "AcquisitionDate", "InstanceNumber", "PixelData", "SOPClassUID", "SOPInstanceUID",
    "AcquisitionNumber", "SequenceVariant",
)  # fmt: skip


def item(**attributes: Any) -> Dataset:
    """One item of a sequence."""
    return put(Dataset(), attributes)


def shared_groups(first: Dataset) -> Dataset:
    """Functional groups that hold for all frames."""
    fat = "FAT" if first.get("ScanOptions") == "FS" else "NONE"
    return item(
        PixelMeasuresSequence=[item(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=first.ImageOrientationPatient)],
        MRTimingAndRelatedParametersSequence=[item(RepetitionTime=first.RepetitionTime, EchoTrainLength=15)],
        MRImageFrameTypeSequence=[item(FrameType=["ORIGINAL", "PRIMARY", "T2", "NONE"])],
        MREchoSequence=[item(EffectiveEchoTime=first.EchoTime)],
        MRModifierSequence=[item(InversionRecovery="NO", SpectrallySelectedSuppression=fat)],
        PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=0, RescaleType="US")],
    )


def frame_groups(image: Dataset, stack: str, number: int) -> Dataset:
    """Functional groups of one frame."""
    content = item(
        StackID=stack,
        InStackPositionNumber=number,
        FrameAcquisitionDateTime=f"20240311{image.get('AcquisitionTime', '102000')}",
    )
    return item(
        PlanePositionSequence=[item(ImagePositionPatient=image.ImagePositionPatient)], FrameContentSequence=[content]
    )


def enhanced(name: str, stacks: Sequence[Sequence[Dataset]], *, shared: bool = True) -> Dataset:
    """Put stacks of single images into one object; without shared groups each frame has them all."""
    images = [ds for stack in stacks for ds in stack]
    first = images[0]
    ds = study(name)
    ds.update({element.tag: element for element in first if element.keyword not in _PER_IMAGE})
    ds.SOPClassUID, ds.SOPInstanceUID = EnhancedMRImageStorage, uid(name, "enhanced")
    ds.ImageType, ds.InstanceNumber = ["ORIGINAL", "PRIMARY", "T2", "NONE"], 1
    ds.PulseSequenceName, ds.EchoPulseSequence, ds.AcquisitionDateTime = "TSE", "SPIN", "20240311102000"
    ds.Rows, ds.Columns, ds.NumberOfFrames = first.Rows, first.Columns, len(images)
    ds.SharedFunctionalGroupsSequence = [shared_groups(first) if shared else Dataset()]
    frames = []
    for k, stack in enumerate(stacks, 1):
        for i, image in enumerate(stack, 1):
            groups = frame_groups(image, str(k), i)
            if not shared:
                groups.update(shared_groups(image))
            elif image.EchoTime != first.EchoTime:
                groups.MREchoSequence = [item(EffectiveEchoTime=image.EchoTime)]
            frames.append(groups)
    ds.PerFrameFunctionalGroupsSequence = frames
    ds.PixelData = b"".join(image.PixelData for image in images)
    return ds


@case("ser-enhanced")
def multi_frame(out: Path) -> None:
    save(enhanced("ser-enhanced-a", [t2_series("ser-enhanced-a")]), out / "a-shared" / "1.dcm")
    save(enhanced("ser-enhanced-b", [t2_series("ser-enhanced-b")], shared=False), out / "b-not-shared" / "1.dcm")

    early = t2_series("ser-enhanced-c", EchoTime=13)
    for ds in early:
        ds.PixelData = (np.frombuffer(ds.PixelData, np.uint16) // 2).tobytes()
    save(enhanced("ser-enhanced-c", [early, t2_series("ser-enhanced-c")]), out / "c-two-echoes" / "1.dcm")

    upper = t2_series("ser-enhanced-d")
    for ds in upper:
        ds.ImagePositionPatient[2] += 270
    save(enhanced("ser-enhanced-d", [upper, t2_series("ser-enhanced-d")]), out / "d-two-stacks" / "1.dcm")

    scaled = enhanced("ser-enhanced-e", [t2_series("ser-enhanced-e")], shared=False)
    values = np.frombuffer(scaled.PixelData, np.uint16).reshape(scaled.NumberOfFrames, -1)
    factors = np.arange(1, len(values) + 1)[:, None]
    scaled.PixelData = (values * factors).astype(np.uint16).tobytes()
    scaled.BitsStored, scaled.HighBit = 16, 15
    for factor, groups in zip(factors[:, 0], scaled.PerFrameFunctionalGroupsSequence, strict=True):
        groups.PixelValueTransformationSequence[0].RescaleSlope = 1 / float(factor)
    save(scaled, out / "e-slopes" / "1.dcm")

    cut = out / "f-cut-short" / "1.dcm"
    save(enhanced("ser-enhanced-f", [t2_series("ser-enhanced-f")]), cut)
    cut.write_bytes(cut.read_bytes()[:-6000])
