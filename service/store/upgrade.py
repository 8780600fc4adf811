"""Making the database, or bringing it to this release's schema; only the start needs this."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.errors import NewerSchema
from service.store.database import open_database

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade_database(data: Path) -> None:
    """Make the database, or bring it to this release's schema.

    Raises:
        NewerSchema: a newer release wrote it.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_database(data)
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {revision.revision for revision in ScriptDirectory.from_config(alembic).walk_revisions()}
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present is not None and present not in known:
        raise NewerSchema
    with engine.execution_options(writes=True).begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")
    engine.dispose()
