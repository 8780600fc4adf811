"""The labeller that settings ask for, loaded alike by the daemon and by every command."""

from pathlib import Path

from config.settings import ReportSettings
from pipeline.reports.adapter_folder import adapter_use
from pipeline.reports.labelling import Labeller, load_labeller
from pipeline.reports.prompts import choose_prompt


def load_site_labeller(settings: ReportSettings, data: Path, software: str) -> Labeller:
    """Load the model or reach the server that settings name, asked by their prompt or the one that suits it.

    Args:
        settings: what labels the reports.
        data: the folder of converted models.
        software: name and version of the product, for provenance.

    Raises:
        UnusableModel, ServerAway: see `load_labeller`.
    """
    use = adapter_use(settings)
    return load_labeller(settings.model, choose_prompt(settings), data, software, use, settings.server)
