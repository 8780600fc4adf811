"""Lines that run along an invented spine from head to sacrum, which soft tissue follows."""

import numpy as np

from pipeline.training.spine_parts import Floats, Spine, Vertebra, forward, upward

_SACRAL_SEGMENTS = 4


def swell(outline: Floats, by: float) -> Floats:
    """Move an outline's points away from their middle by some mm; negative shrinks."""
    offsets = outline - outline.mean(axis=0)
    distance = np.linalg.norm(offsets, axis=1, keepdims=True)
    moved: Floats = outline.mean(axis=0) + offsets * (1 + by / np.maximum(distance, 1e-6))
    return moved


class SpineOutline:
    """Points at each body and each disc from C2 down to S4; arrays have one row per point, lengths in mm."""

    def __init__(self, spine: Spine) -> None:
        rng = spine.stream(10)
        bones = [*reversed(spine.vertebrae[1:]), *spine.sacrum[:_SACRAL_SEGMENTS]]
        discs = {disc.upper.name: disc for disc in spine.discs}
        walls, tilts, names, lateral = [], [], [], []
        share = []
        for i, bone in enumerate(bones):
            walls.append(bone.posterior())
            tilts.append(bone.tilt)
            names.append(bone.name)
            lateral.append(bone.lateral)
            share.append(1.0)
            if i + 1 < len(bones):
                below, disc = bones[i + 1], discs.get(bone.name)
                low = bone.posterior() - upward(bone.tilt) * bone.height / 2
                bulge = max(disc.bulge, 0) if disc else 0.0
                tilt = (bone.tilt + below.tilt) / 2
                walls.append(
                    (low + below.posterior() + upward(below.tilt) * below.height / 2) / 2 - forward(tilt) * bulge
                )
                tilts.append(tilt)
                names.append("")
                lateral.append((bone.lateral + below.lateral) / 2)
                share.append(disc.canal if disc else 1.0)
        self.names = tuple(names)
        self.posterior_wall, self.tilts, self.lateral = np.array(walls), np.array(tilts), np.array(lateral)
        self.anterior_wall = np.array([bone.anterior() for bone in bones[:-1]])
        self._measure_canal(rng, spine.scale, np.array(share))

    def _measure_canal(self, rng: np.random.Generator, scale: float, share: Floats) -> None:
        count = len(self.names)
        at = (0, 12, 36, count - 9, count - 7, count - 5, count - 3, count - 1)
        widths = np.interp(np.arange(count), at, (14, 14.5, 14, 16, 14, 9, 5, 2))
        self.full_canal_width = widths * scale * rng.uniform(0.9, 1.2)
        self.canal_width = self.full_canal_width * share
        loose = np.where(np.arange(count) > count - 10, rng.uniform(0, 3, count), 0)
        self.gap = np.where(share < 0.5, 0.4, rng.uniform(0.5, 1.6, count) + loose)

    def row_of(self, name: str) -> int:
        """Index of a vertebra's point."""
        return self.names.index(name)

    def behind_canal(self, bone: Vertebra) -> Floats:
        """Give the point behind the canal at a vertebra."""
        i = self.row_of(bone.name)
        point: Floats = self.posterior_wall[i] - forward(bone.tilt) * (self.gap[i] + self.full_canal_width[i] + 3)
        return point

    def lengthened(self, line: Floats) -> Floats:
        """Lengthen a line that begins at C2 by 40 mm upwards."""
        return np.vstack([line[0] + upward(float(self.tilts[0])) * 40, line])
