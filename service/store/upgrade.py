"""Making the database, or bringing it to this release's schema; only the start needs this."""

import stat
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from config.held_folders import held
from service.errors import NewerSchema
from service.store.database import DATABASE, look_at_database, open_database
from service.store.faults import named_faults
from service.store.made_once import make_folder

OTHERS = stat.S_IRWXO
MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade_database(data: Path) -> None:
    """Make the database, or bring it to this release's schema.

    Raises:
        NewerSchema: a newer release wrote it.
        UnusableStore: the folder, its disk or the database cannot be used; the message says what to do.
    """
    with named_faults(data / DATABASE):
        make_folder(data)  # on disk, or all that is ever acknowledged could go with its name
        if data.stat().st_mode & OTHERS:  # a command that needs no database may have made it
            data.chmod(stat.S_IMODE(data.stat().st_mode) & ~OTHERS)
        with held(data):  # SQLite refuses at once, without waiting, where two make one file a WAL database
            _upgrade(data)


def _upgrade(data: Path) -> None:
    engine = open_database(data)
    alembic = _alembic()
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present is not None and present not in _revisions(alembic):
        raise NewerSchema
    with engine.execution_options(writes=True).begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")
    engine.dispose()


def schema_standing(data: Path) -> Literal["absent", "older", "present", "newer"]:
    """Tell how the database's schema stands to this release's, changing nothing.

    Raises:
        UnusableStore: the database cannot be read.
    """
    path = data / DATABASE
    if not path.exists():
        return "absent"
    with named_faults(path), look_at_database(path).connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found == ScriptDirectory.from_config(_alembic()).get_current_head():
        return "present"
    return "older" if found is None or found in _revisions(_alembic()) else "newer"


def _alembic() -> Config:
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return alembic


def _revisions(alembic: Config) -> set[str]:
    return {revision.revision for revision in ScriptDirectory.from_config(alembic).walk_revisions()}
