"""Real, labelled volumes that were kept out of the training, as studies to measure a detector on."""

import numpy as np

from config.conditions import DISC_LEVELS
from pipeline.images.volume import Volume
from pipeline.training.held_out.study import SACRUM_MM, SEEN_MM, HeldOutStudy, TrueDisc
from pipeline.training.labelled_volumes import FIRST_DISC, LAST_DISC, LabelledVolume

LABELLED = "labelled"
"""The kind of such studies."""
_LEVELS = dict(enumerate(reversed(DISC_LEVELS), FIRST_DISC))


def labelled_study(labelled: LabelledVolume) -> HeldOutStudy:
    """Take the labels for the truth, also the levels, which they count up from the disc on the sacrum.

    Labels do not tell a transitional segment from a usual one, so no study counts as transitional.
    """
    volume = Volume(labelled.voxels, labelled.spacing_mm, (), ())
    numbers = [int(n) for n in np.unique(labelled.labels) if FIRST_DISC <= n <= LAST_DISC]
    discs = {number: _true_disc(labelled, number) for number in numbers}
    ordered = sorted(numbers, key=lambda number: discs[number].centre[1])
    marks = np.zeros(labelled.labels.shape, np.uint8)
    for place, number in enumerate(ordered, 1):
        marks[labelled.labels == number] = place
    lowest = discs.get(FIRST_DISC)
    below = (labelled.voxels.shape[1] - lowest.centre[1]) * labelled.spacing_mm[1] if lowest else 0.0
    sacrum = below >= SACRUM_MM
    return HeldOutStudy(LABELLED, volume, tuple(discs[n] for n in ordered), marks, sacrum=sacrum, transitional=False)


def _true_disc(labelled: LabelledVolume, number: int) -> TrueDisc:
    middle = np.argwhere(labelled.labels == number).mean(axis=0)
    sizes = zip(middle[1:], labelled.labels.shape[1:], labelled.spacing_mm[1:], strict=True)
    inside = min(min(at, size - 1 - at) * mm for at, size, mm in sizes)
    centre = (float(middle[0]), float(middle[1]), float(middle[2]))
    return TrueDisc(_LEVELS.get(number), centre, sure=bool(inside >= SEEN_MM))
