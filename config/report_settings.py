"""Settings of what labels the reports."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.section import Section


class ServerSettings(Section):
    """An OpenAI-compatible server that runs the language model."""

    url: Annotated[
        str,
        Field(
            pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$",
            description="Its address, as in http://127.0.0.1:8000/v1. Whole reports are sent there, so it must be a "
            "place that may see them.",
        ),
    ]
    model: Annotated[str, Field(min_length=1, description="The model's name at the server.")]
    api_key_file: Annotated[Path | None, Field(description="File that holds the server's key, where it wants one.")] = (
        None
    )
    authorities: Annotated[
        Path | None,
        Field(
            description="The authorities, as a PEM file, of which one must have signed the certificate of a server by "
            "https; null trusts those of the operating system."
        ),
    ] = None
    concurrency: Annotated[int, Field(ge=1, le=256, description="Requests at one time.")] = 4
    goes_on_with_turns: Annotated[
        bool,
        Field(
            description="Whether the server goes on with a turn that we open with `ANSWER: `, as vLLM and llama.cpp "
            "do. False for GPT-4, which opens its own."
        ),
    ] = True


class ReportSettings(Section):
    """What labels the reports."""

    model: Annotated[str, Field(description="`embedded`, or the folder of a chat model in Hugging Face layout.")] = (
        "embedded"
    )
    adapter: Annotated[
        Path | None, Field(description="Folder of an adapter for the model, as `spinelabel train summaries` writes it.")
    ] = None
    prompt: Annotated[
        Literal["shared", "direct", "summary", "direct-natural", "summary-natural"] | None,
        Field(
            description="How the report is asked: all questions from one reading, Direct Query or Summary-Query. "
            "Without one it is `shared` for the embedded model, which has an adapter for it, and `direct` for any "
            "other model and for a server."
        ),
    ] = None
    summary_model: Annotated[
        Literal["base", "adapted"], Field(description="Where there is an adapter, which model writes the summary.")
    ] = "adapted"
    answer_model: Annotated[
        Literal["base", "adapted"],
        Field(description="Where there is an adapter, which model answers; other than the summary's takes both."),
    ] = "adapted"
    calibration: Annotated[
        Path | None,
        Field(
            description="File of thresholds that `spinelabel calibrate` wrote, for exactly this model, adapter and "
            "prompt. They replace those that come with the embedded model; what they hold nothing for is uncalibrated."
        ),
    ] = None
    server: Annotated[
        ServerSettings | None,
        Field(description="An OpenAI-compatible server that is asked instead of `model`; null asks none."),
    ] = None
