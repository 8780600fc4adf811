"""`spinelabel serve`: the daemon."""

import signal
import threading
from typing import Annotated

import typer

from config.settings import load_settings
from service.cli import ConfigFile, app
from service.daemon import serve as serve_roles
from service.log import configure_log
from service.roles import ROLES


@app.command()
def serve(
    config: ConfigFile = None,
    only: Annotated[str, typer.Option(help="Roles to run here, as in receive,listen.")] = ",".join(ROLES),
) -> None:
    """Run the daemon until it is told to stop; each role is a process of its own.

    Example: spinelabel serve --config site.yaml
    """
    roles = only.split(",")
    if unknown := [role for role in roles if role not in ROLES]:
        raise typer.BadParameter(f"no role is called {unknown[0]}; there are {', '.join(ROLES)}", param_hint="--only")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log = configure_log("serve")
    settings = load_settings(config)
    if config is None:
        log.warning(
            "no settings file: everything is kept under ./spinelabel-data, and any AE title on loopback may send"
        )
    serve_roles(settings, config, roles, log, stop)
