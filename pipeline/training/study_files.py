"""The DICOM files of studies that a table names, under one folder."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.images.headers import ImageHeader
from pipeline.images.series import read_headers
from pipeline.training.errors import NoSuchStudy


@dataclass(frozen=True)
class StudyFiles:
    """Finds studies under `root`; files are read from disk as they are asked for, and all of them at most once."""

    root: Path

    def find(self, study: str) -> tuple[ImageHeader, ...]:
        """Give the images of a study, named by its folder under `root` or by its StudyInstanceUID.

        Raises:
            NoSuchStudy: there is no such folder with images of one study in it, and no such UID.
        """
        folder = self.root / study
        if ".." not in Path(study).parts and not Path(study).is_absolute() and _is_folder(folder):
            images, _ = read_headers(sorted(path for path in folder.rglob("*") if path.is_file()))
            if (count := len({image.study_uid for image in images})) != 1:
                raise NoSuchStudy(f"its folder holds {count} studies; name one by its StudyInstanceUID")
            return images
        if study not in self._by_uid:
            raise NoSuchStudy("there is no such folder under --studies, nor a StudyInstanceUID in it")
        return tuple(self._by_uid[study])

    @cached_property
    def _by_uid(self) -> dict[str, list[ImageHeader]]:
        images, _ = read_headers(sorted(path for path in self.root.rglob("*") if path.is_file()))
        by_uid: dict[str, list[ImageHeader]] = defaultdict(list)
        for image in images:
            by_uid[image.study_uid].append(image)
        return dict(by_uid)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a cell that is too long for a name, or a folder that may not be looked into
        return False
