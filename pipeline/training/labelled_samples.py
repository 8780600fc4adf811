"""Samples for the detector from slices of real, labelled volumes."""

import numpy as np
import numpy.typing as npt

from pipeline.images.detectors.embedded import to_one_mm
from pipeline.images.detectors.network import GRID_MM, HALF_WIDTH_SCALE, HEATS, REGIONS, SHAPES, network_input
from pipeline.training.detector_targets import HEAT_WIDTH, SHAPE_RADIUS, Sample, heat_of
from pipeline.training.drawn_spines import SLICE_SIZE
from pipeline.training.labelled_volumes import CANAL, FIRST_DISC, LAST_DISC, LabelledVolume

Labels = npt.NDArray[np.uint8]
Signal = npt.NDArray[np.float32]

_KNOWN = frozenset({"disc", "lumbosacral", "vertebra", "canal"})
"""What such labels tell of; sacrum, C2, transitional bodies and the cord are not labelled."""
_FEWEST_PIXELS = 25  # mm² of a structure in a slice, to count as seen


def labelled_sample(volume: LabelledVolume, rng: np.random.Generator) -> Sample:
    """Cut a sample from a slice that shows discs, at a random place and with a random brightness curve."""
    discs = (volume.labels >= FIRST_DISC) & (volume.labels <= LAST_DISC)
    weights = discs.sum(axis=(1, 2)).astype(float) + 1
    index = int(rng.choice(len(weights), p=weights / weights.sum()))
    image = to_one_mm(volume.voxels[index], volume.spacing_mm[1:])
    image = np.power(np.maximum(image, 0), np.float32(rng.uniform(0.8, 1.25)))
    labels = _labels_at_one_mm(volume.labels[index], image.shape)
    image, labels = _crop(image, labels, rng)
    heats, shapes, taught = _targets(labels)
    cells = labels[:: int(GRID_MM), :: int(GRID_MM)]
    bodies = ((cells >= 1) & (cells <= 25)) | ((cells >= 101) & (cells <= 125))
    found = {"vertebra": bodies, "disc": (cells >= FIRST_DISC) & (cells <= LAST_DISC), "canal": cells == CANAL}
    regions = np.stack([found.get(name, np.zeros(cells.shape, bool)) for name in REGIONS]).astype(np.float32)
    known = np.array([name in _KNOWN for name in HEATS] + [name in found for name in REGIONS], np.float32)
    return Sample(network_input(image), heats, shapes, taught, regions, known)


def _labels_at_one_mm(labels: Labels, shape: tuple[int, ...]) -> Labels:
    sizes = zip(shape, labels.shape, strict=True)
    rows, columns = (((np.arange(new) + 0.5) * (old / new)).astype(int) for new, old in sizes)
    return labels[np.ix_(rows, columns)]


def _crop(image: Signal, labels: Labels, rng: np.random.Generator) -> tuple[Signal, Labels]:
    """Cut to the size of the drawn slices somewhere around the labels, with empty margins where it is too small."""
    rows, columns = SLICE_SIZE
    marked = np.argwhere(labels > 0)
    middle = marked.mean(axis=0) if len(marked) else np.array(labels.shape) / 2
    top = int(middle[0] - rows * rng.uniform(0.35, 0.65))
    left = int(middle[1] - columns * rng.uniform(0.3, 0.7))
    pad = ((rows, rows), (columns, columns))
    place = np.s_[top + rows : top + 2 * rows, left + columns : left + 2 * columns]
    return np.pad(image, pad)[place], np.pad(labels, pad)[place]


def _targets(labels: Labels) -> tuple[Signal, Signal, Signal]:
    grid = np.mgrid[: labels.shape[0] // 2, : labels.shape[1] // 2] * GRID_MM + 0.5
    spots: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in HEATS}
    shapes = np.zeros((len(SHAPES), *grid.shape[1:]), np.float32)
    taught = np.zeros(grid.shape[1:], np.float32)
    for label in np.unique(labels):
        places = np.argwhere(labels == label)
        if len(places) < _FEWEST_PIXELS:
            continue
        middle = places.mean(axis=0)[::-1] + 0.5  # (column, row) in mm
        if 1 <= label <= 25:
            spots["vertebra"].append(middle)
        elif FIRST_DISC <= label <= LAST_DISC:
            spots["disc"].append(middle)
            if label == FIRST_DISC:
                spots["lumbosacral"].append(middle)
            near = (grid[0] - middle[1]) ** 2 + (grid[1] - middle[0]) ** 2 < SHAPE_RADIUS**2
            shapes[:, near] = _shape_of(places)[:, None]
            taught[near] = 1
    heats = np.stack([heat_of(grid, spots[name], HEAT_WIDTH[name]) for name in HEATS])
    return heats, shapes, taught


def _shape_of(places: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Direction to anterior (column, row) and half width of a disc's pixels, as the network gives them."""
    offsets = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(offsets, full_matrices=False)
    along = axes[0] if axes[0, 1] < 0 else -axes[0]
    extent = np.ptp(offsets @ along) / 2
    return np.array([along[1], along[0], extent / HALF_WIDTH_SCALE])
