"""Errors of reading images.

ImageError
├── NotAnImage
├── UnusableStack
│   ├── TooFewSlices
│   ├── SliceGap
│   ├── ShiftedSlices
│   ├── ImpossibleField
│   └── MissingPixels
├── UnreadablePixels
├── DiscOutsideScan
├── DiscWithoutSignal
├── UnusableModel
├── UnusableLabelledData
├── DetectorFailed
│   ├── DetectorUnavailable
│   ├── DetectorEnded
│   ├── DetectorTooSlow
│   ├── DetectorSilent
│   └── UnusableAnswer
└── TrainingFailed
"""

from pipeline.errors import ImageError

_FEW_GAPS = 3  # that a message names each


class NotAnImage(ImageError):
    """A file is no DICOM image that a volume can be made of."""


class UnusableStack(ImageError):
    """Images that belong together make no volume."""


class TooFewSlices(UnusableStack):
    """A stack has too few slices to show a spine."""

    def __init__(self, found: int, needed: int) -> None:
        super().__init__(f"{found} {'slice' if found == 1 else 'slices'}, {needed} are needed")


class SliceGap(UnusableStack):
    """Distances between neighbouring slices are not the usual one."""

    def __init__(self, odd: list[tuple[float, float, float]], usual: float, steps: int) -> None:
        """Take patient x of both slices and distance for each odd step, the usual distance, and how many steps."""
        distances = [distance for _, _, distance in odd]
        gaps = "gap" if len(odd) == 1 else f"{len(odd)} gaps"
        kind = gaps if min(distances) > usual else "irregular spacing"
        if len(odd) > max(_FEW_GAPS, steps // 3):
            said = f"from {min(distances):.1f} to {max(distances):.1f} mm"
        else:
            said = ", ".join(f"{d:.1f} mm between x = {x:.1f} and x = {other:.1f}" for x, other, d in odd[:_FEW_GAPS])
        super().__init__(f"{kind}, {said} where {usual:.1f} mm is usual; send the series again if slices are missing")


class ShiftedSlices(UnusableStack):
    """Slices lie beside the others within their own plane, so that they do not show the same place."""

    def __init__(self, shifted: list[str], furthest: float) -> None:
        super().__init__(f"{', '.join(shifted)} up to {furthest:.1f} mm beside the others within the plane")


class ImpossibleField(UnusableStack):
    """By the header's pixel spacing the picture would be far smaller or larger than one of a spine."""

    def __init__(self, height: float, width: float) -> None:
        super().__init__(
            f"the picture would measure {height:.4g} by {width:.4g} mm; send the series again with its true spacing"
        )


class MissingPixels(UnusableStack):
    """Images hold too few bytes of pixels, or none."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(f"{', '.join(faults)}; send these images again")


class UnreadablePixels(ImageError):
    """The pixels of an image cannot be decoded."""


class DiscOutsideScan(ImageError):
    """The middle of a disc lies outside the volume; the detector or a mapping is wrong."""


class DiscWithoutSignal(ImageError):
    """There is no signal beside a disc to scale it by."""


class UnusableModel(ImageError):
    """A model file is missing, damaged, or made for another part. Install the package again, or train the model."""


class UnusableLabelledData(ImageError):
    """Labelled volumes to train or to measure a detector on are missing or cannot be read; the message says which."""


class DetectorFailed(ImageError):
    """A program of another project found no discs for a reason of its own; the study is kept and can be tried again."""


class DetectorUnavailable(DetectorFailed):
    """The program cannot be started, or its package is not installed where the settings say."""


class DetectorEnded(DetectorFailed):
    """The program ended without an answer."""

    def __init__(self, title: str, status: int, said: str) -> None:
        why = f" ({said})" if said else ""
        super().__init__(
            f"{title} ended with status {status}{why}. Run `spinelabel check`, and see that its weights are there."
        )


class DetectorTooSlow(DetectorFailed):
    """The program took longer than the settings allow and was ended."""

    def __init__(self, title: str, seconds: float) -> None:
        super().__init__(
            f"{title} gave no answer within {seconds:g} s and was ended. "
            "Set images.detector.timeout_seconds higher, or see why it is slow."
        )


class DetectorSilent(DetectorFailed):
    """The program did not say in time which package it runs."""

    def __init__(self, title: str, seconds: float) -> None:
        super().__init__(
            f"{title} did not say within {seconds:g} s which version it is, and was ended. "
            "See why its interpreter or the import of its package is slow, and run `spinelabel check` again."
        )


class UnusableAnswer(DetectorFailed):
    """The program's answer breaks the rules for it, so none of it is used. Names the place, never a value."""

    def __init__(self, title: str, fault: str) -> None:
        super().__init__(f"{title} gave an answer that cannot be used: {fault}. Use a version that we were tried with.")


class TrainingFailed(ImageError):
    """Too little drawn material was read for a classifier to be fitted."""
