"""The labeller that settings ask for, loaded alike by the daemon and by every command."""

from dataclasses import replace
from pathlib import Path

from config.report_settings import ReportSettings
from pipeline.calibration import read_calibration
from pipeline.reports.adapter_folder import adapter_use
from pipeline.reports.labelling import Labeller, load_labeller
from pipeline.reports.prompts import choose_prompt
from pipeline.reports.site_calibration import refuse_foreign_calibration


def load_site_labeller(settings: ReportSettings, data: Path, software: str) -> Labeller:
    """Load the model or reach the server that settings name, asked by their prompt or the one that suits it.

    A calibration that they name takes the place of the one that comes with the embedded model.

    Args:
        settings: what labels the reports.
        data: the folder of converted models.
        software: name and version of the product, for provenance.

    Raises:
        UnusableModel, ServerAway: see `load_labeller`.
        UnusableCalibration: the calibration's file is not there, is none or was changed, or was fitted for another
            model, adapter, data type or prompt.
    """
    path = settings.calibration
    own = None if path is None else read_calibration(path)  # before the model, which takes longer
    use = adapter_use(settings)
    labeller = load_labeller(settings.model, choose_prompt(settings), data, software, use, settings.server)
    if path is None or own is None:
        return labeller
    refuse_foreign_calibration(path, own, labeller.answered_by)
    return replace(labeller, calibration=own)
