"""The command line. Each module holds one group of commands; models are loaded only by the commands that need them."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from config.errors import SpinelabelError
from config.report_settings import ReportSettings
from service.unexpected import unexpected

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings file; without it the embedded defaults hold.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]
PROMPT_HELP = ReportSettings.model_fields["prompt"].description

app = typer.Typer(
    name="spinelabel",
    help="Structured labels for every spinal MRI examination, from its report and its images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables would show patients' data
)
PIPED_WIDTH = 110
console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)  # tables in a log need not fit a terminal


def load_commands() -> typer.Typer:
    """Give the command line with every command."""
    from service.cli import (  # noqa: F401  # they add their commands
        cohorts,
        decisions,
        demo,
        evaluation,
        fetch,
        image_training,
        images,
        inspect,
        objects,
        outbox,
        pairing,
        patients,
        reconcile,
        reports,
        reprocess,
        serve,
        setup,
        statement,
        training,
    )

    return app


def main() -> None:
    """Run the command line: 0 for done, 1 for work that failed, 2 for wrong use."""
    try:
        load_commands()()
    except SpinelabelError as error:
        _say(str(error))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # a traceback could show a patient's values
        _say(
            f"It failed unexpectedly ({unexpected(error)}). "
            "Report this line to the makers; nothing of a patient is in it."
        )
        sys.exit(1)


def _say(sentence: str) -> None:
    Console(stderr=True).print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
