"""Discs as scripts read them."""

from typing import Any

from pipeline.values import StudyReading


def discs_json(reading: StudyReading, detector: str) -> dict[str, Any]:
    """Give a reading's discs as `spinelabel discs --json` prints them, from head to foot, and what found them."""
    return {
        "detector": detector,
        "series_uid": reading.series_uid,
        "levels_known": reading.levels_known,
        "reason": reading.levels_reason,
        "discs": [
            {
                "level": disc.level,
                "centre": {
                    "sop_instance_uid": disc.sop_instance_uid,
                    "row": round(disc.row, 2),
                    "column": round(disc.column, 2),
                }
                | ({} if disc.frame is None else {"frame": disc.frame}),
                "centre_mm": [round(value, 2) for value in disc.centre_mm],
                "angle_deg": round(disc.angle_deg, 2),
                "confidence": None if disc.confidence is None else round(disc.confidence, 4),
            }
            for disc in reading.discs
        ],
    }
