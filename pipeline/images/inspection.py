"""What a study never seen before holds, and which series would be read: `spinelabel inspect study`."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.images.geometry import degrees_from_sagittal
from pipeline.images.headers import ImageHeader
from pipeline.images.series import JudgedSeries, SeriesChoice, choose_series, read_headers


def inspect_study(paths: Sequence[Path]) -> dict[str, Any]:
    """Say which series files hold, which is chosen and why, as `spinelabel inspect study --json` prints it.

    Files of several studies are kept apart; what is no image is a problem of the first study, or of one without UID.
    """
    images, problems = read_headers(paths)
    by_study: dict[str, list[ImageHeader]] = defaultdict(list)
    for image in images:
        by_study[image.study_uid].append(image)
    studies = [_study_value(uid, choose_series(by_study[uid])) for uid in sorted(by_study)]
    if problems and not studies:
        studies = [_study_value(None, SeriesChoice(None, "no MR images", ()))]
    if studies:
        studies[0]["problems"] = [{"file": path.name, "reason": reason} for path, reason in problems]
    return {"studies": studies}


def _study_value(uid: str | None, choice: SeriesChoice) -> dict[str, Any]:
    chosen = choice.stack.images[0].series_uid if choice.stack else None
    judged = sorted(choice.series, key=lambda judge: (judge.first.series_number or 0, judge.series_uid))
    return {
        "study_uid": uid,
        "chosen": chosen,
        "reason": choice.reason,
        "series": [_series_value(judge, chosen) for judge in judged],
        "problems": [],
    }


def _series_value(judge: JudgedSeries, chosen: str | None) -> dict[str, Any]:
    value: dict[str, Any] = {
        "series_uid": judge.series_uid,
        "number": judge.first.series_number,
        "description": judge.description,
        "images": sum(len(stack.images) + len(stack.duplicates) for stack in judge.split.stacks)
        + len(judge.split.strangers),
        "chosen": judge.series_uid == chosen,
        "orientation": None,
        "weighting": None,
        "fat_suppressed": None,
        "slices": 0,
        "usable": judge.usable,
        "reason": judge.reason,
        "spacing_mm": None,
        "thickness_mm": judge.first.thickness,
        "shape": None,
        "degrees_from_sagittal": None,
    }
    if stack := judge.stack:
        row, column = stack.plane.spacing
        value |= {
            "orientation": "mixed" if judge.reason.startswith("mixed orientation") else stack.orientation,
            "weighting": stack.weighting.kind,
            "fat_suppressed": stack.weighting.fat_suppressed,
            "slices": len(stack.images),
            "spacing_mm": [stack.spacing, row, column],
            "shape": [len(stack.images), stack.plane.rows, stack.plane.columns],
            "degrees_from_sagittal": round(degrees_from_sagittal(stack.plane), 1),
        }
    return value
