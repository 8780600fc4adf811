"""A site's own calibration, held against what answers its reports: it counts for exactly that or not at all."""

from dataclasses import astuple
from pathlib import Path

from config.report_settings import ReportSettings
from pipeline.calibration import AnsweredBy, Calibration, read_calibration
from pipeline.errors import UnusableCalibration
from pipeline.reports.adapter_folder import EMBEDDED_ADAPTER, adapter_digest, check_adapter_folder
from pipeline.reports.model_folder import converted_name
from pipeline.reports.prompts import choose_prompt, load_prompt
from pipeline.reports.prompts.shared import load_shared_prompt

_PARTS = ("model", "adapter", "data type", "prompt")


def refuse_foreign_calibration(path: Path, calibration: Calibration, answered_by: AnsweredBy) -> None:
    """Refuse a calibration of anything else than what answers, where it would not count without a word.

    Raises:
        UnusableCalibration: it was fitted for another model, adapter, data type or prompt; the message names each.
    """
    fitted = calibration.answered_by
    digests = zip(fitted.digests, answered_by.digests, strict=True)
    names = zip(astuple(fitted), astuple(answered_by), strict=True)
    other = [
        f"another {part} ({theirs or 'none'}, here {ours or 'none'})"
        for part, (theirs, ours), (their_digest, our_digest) in zip(_PARTS, names, digests, strict=True)
        if their_digest != our_digest
    ]
    if other:
        raise UnusableCalibration(
            f"{path} was fitted for {' and '.join(other)}. Run `spinelabel calibrate` for what answers here and "
            "name its file in `reports.calibration`; or set `reports.model`, `reports.adapter` and `reports.prompt` to "
            "what it was fitted for; or name no calibration."
        )


def check_site_calibration(path: Path, settings: ReportSettings, data: Path) -> Calibration:
    """Read a site's calibration and hold it against what settings ask for, as far as that goes without loading a model.

    What is not known without one, a model by path or at a server and the data type, is held against it at the start.

    Args:
        path: the calibration's file.
        settings: what labels the reports.
        data: the folder of converted models.

    Raises:
        UnusableCalibration: the file is not there, is none or was changed, or was fitted for something else.
        UnusableAdapter: the adapter that settings name cannot be used.
    """
    calibration = read_calibration(path)
    fitted = calibration.answered_by
    is_embedded = settings.server is None and settings.model == "embedded"
    model = converted_name(data) if is_embedded else None
    answered_by = AnsweredBy(model or fitted.model, _adapter(settings, fitted), fitted.data_type, _prompt_id(settings))
    refuse_foreign_calibration(path, calibration, answered_by)
    return calibration


def _adapter(settings: ReportSettings, fitted: AnsweredBy) -> str | None:
    """Name the adapter that is laid over the model; which of its tasks it serves is left to the start."""
    folder = settings.adapter
    if folder is None and settings.model == "embedded" and choose_prompt(settings) == "shared":
        folder = EMBEDDED_ADAPTER
    if folder is None or settings.server is not None:
        return None
    check_adapter_folder(folder)
    digest = f"sha256:{adapter_digest(folder)}"
    return fitted.adapter if digest in (fitted.adapter or "") else f"{folder.resolve().name}@{digest}"


def _prompt_id(settings: ReportSettings) -> str:
    name = choose_prompt(settings)
    return load_shared_prompt().id if name == "shared" else load_prompt(name).id
