"""`spinelabel demo`: the main job on embedded defaults."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from service.cli import app, console
from service.log import configure_log


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo"),
    once: Annotated[bool, typer.Option("--once", help="End when done, instead of staying up with the page.")] = False,
    study: Annotated[Path | None, typer.Option(help="Folder of a study to send instead of drawn ones.")] = None,
    report: Annotated[Path | None, typer.Option(help="Its report: a text file or an HL7 message.")] = None,
) -> None:
    """Send studies and reports through a daemon of its own and show what came back.

    Example: spinelabel demo --once --out results --study FOLDER --report report.txt
    """
    from service.demo.cases import drawn_cases, given_case
    from service.demo.run import Demo, run_demo

    if (study is None) != (report is None):
        raise typer.BadParameter("--study and --report go together")

    def cases(folder: Path):  # type: ignore[no-untyped-def]
        return [given_case(study, report, folder)] if study and report else drawn_cases(folder)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that its daemon ends with it
    run_demo(Demo(out, console, configure_log("demo")), cases, once=once)
