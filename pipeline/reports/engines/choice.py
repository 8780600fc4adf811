"""The engines that a labelling needs: one that answers, and where it is another, one that writes the summaries."""

from typing import NamedTuple

from pipeline.calibration import Calibration, read_calibration
from pipeline.reports.adapter_folder import CALIBRATION, EMBEDDED_ADAPTER, AdapterUse, adapter_files
from pipeline.reports.engines.hugging_face import HuggingFaceEngine
from pipeline.reports.engines.protocol import Engine
from pipeline.reports.engines.shared_engine import SharedPrefixEngine
from pipeline.reports.errors import UnusableAdapter
from pipeline.reports.model_folder import EMBEDDED_NAME
from pipeline.reports.models import ModelFiles


class Engines(NamedTuple):
    """The engine that answers, and the one that writes summaries where that is another."""

    answers: Engine
    summaries: Engine | None


def load_engines(files: ModelFiles, use: AdapterUse | None, *, summarises: bool) -> Engines:
    """Load a model with an adapter, without it, or both: then the model lies in memory twice.

    Args:
        files: the model.
        use: the adapter and where it is used; None for the model as it is.
        summarises: whether the prompt asks for summaries.

    Raises:
        UnusableModel: the model cannot be used; UnusableAdapter, one of its kind, where it is the adapter that cannot,
            or where nothing would use it.
    """
    if use is None:
        return Engines(HuggingFaceEngine(files.folder, files.name), None)
    if use.answer_model == "base" and (use.summary_model == "base" or not summarises):
        raise UnusableAdapter(
            f"Nothing would use the adapter in {use.folder}: the base model answers, and no adapted one writes "
            "summaries. Set `reports.answer_model` to `adapted`, or `reports.prompt` to `summary` and "
            "`reports.summary_model` to `adapted`."
        )
    adapter = adapter_files(use.folder, files.name)
    answers = HuggingFaceEngine(files.folder, files.name, adapter if use.answer_model == "adapted" else None)
    if not summarises or use.summary_model == use.answer_model:
        return Engines(answers, None)
    written_by = adapter if use.summary_model == "adapted" else None
    return Engines(answers, HuggingFaceEngine(files.folder, files.name, written_by))


def load_shared_engine(files: ModelFiles, use: AdapterUse | None) -> SharedPrefixEngine:
    """Load a model for the shared-prefix layout; the embedded one with its own adapter where none is named.

    Raises:
        UnusableModel: the model cannot be used; UnusableAdapter, one of its kind, where it is the adapter that cannot.
    """
    if use is not None:
        return SharedPrefixEngine(files, adapter_files(use.folder, files.name))
    if files.name.startswith(f"{EMBEDDED_NAME}@"):
        return SharedPrefixEngine(files, adapter_files(EMBEDDED_ADAPTER, files.name))
    return SharedPrefixEngine(files)


def shipped_calibration(engine: SharedPrefixEngine) -> Calibration | None:
    """Give the calibration that comes with the embedded model's own adapter, where that answers."""
    if engine.adapter is None or not engine.adapter.startswith(f"{EMBEDDED_ADAPTER.name}@"):
        return None
    return read_calibration(EMBEDDED_ADAPTER / CALIBRATION)
