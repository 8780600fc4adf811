"""The columns of an export: the one source of its tables, its data dictionary and its documentation."""

from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Column:
    """One column: its type in the tables, and what a researcher needs to know of it."""

    name: str
    type: Any
    meaning: str
    codes: str = ""


COLUMNS = (
    Column("patient", pl.String, "Patient, as a pseudonym that is the same in every export of this installation"),
    Column("study", pl.String, "Study, as a pseudonym"),
    Column(
        "study_date", pl.Date, "Date of the study, shifted by a number of days that is the same for all of a patient"
    ),
    Column("age", pl.Int16, "Age at the study in years; 90 stands for every age over 89"),
    Column("sex", pl.String, "Patient's Sex as now known", "F, M, O"),
    Column("accession", pl.String, "Accession number, as a pseudonym"),
    Column("report_version", pl.Int32, "Version of the report that was read; empty for findings from images"),
    Column("condition", pl.String, "Condition, as the conditions file names it"),
    Column("level", pl.String, "Disc level; empty where the finding is about the whole spine", "C2-C3 to L5-S1"),
    Column("source", pl.String, "What the finding was read from", "report, image"),
    Column(
        "state",
        pl.String,
        "What the finding says; silence is not a negative",
        "present, absent, uncertain, not mentioned, not imaged",
    ),
    Column("answer", pl.Boolean, "probability >= threshold; empty where the source abstained"),
    Column("probability", pl.Float64, "Probability of yes, from 0 to 1"),
    Column("log_odds", pl.Float64, "Natural logarithm of the odds of yes"),
    Column("threshold", pl.Float64, "Probability from which the answer is yes"),
    Column(
        "standing",
        pl.String,
        "How far the part that made the finding can be trusted",
        "demonstration, uncalibrated, calibrated, calibrated here",
    ),
    Column("reviewed", pl.Boolean, "Whether a person has decided on the finding"),
    Column("reviewer_answer", pl.Boolean, "What that person decided"),
    Column("evidence", pl.String, "Sentence of the report; left empty, since this cohort does not ask for report text"),
    Column(
        "model",
        pl.String,
        "Model and its sha256; a program of another project has version and licence, and where it says "
        "`restricted licence`, that licence limits what may be done with the row",
    ),
    Column("prompt", pl.String, "Prompt and its version; empty for findings from images"),
    Column("definition_version", pl.String, "Version of the condition's definition"),
    Column("calibration", pl.String, "Calibration that gave the threshold; empty where it is the default .5"),
    Column("software", pl.String, "Software and its version"),
    Column("created", pl.Date, "Day on which the finding was made, shifted like study_date"),
    Column("superseded", pl.Date, "Day on which it stopped being current, shifted alike; empty for current findings"),
)

SCHEMA = pl.Schema({column.name: column.type for column in COLUMNS})


def data_dictionary() -> pl.DataFrame:
    """Give the data dictionary: a row per column with name, type, meaning and codes."""
    return pl.DataFrame(
        [
            {"column": column.name, "type": str(column.type), "meaning": column.meaning, "codes": column.codes}
            for column in COLUMNS
        ]
    )
