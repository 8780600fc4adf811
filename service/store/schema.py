"""The schema with all its tables; one that nobody has imported would be in none."""

from sqlmodel import SQLModel

from service.store import commitment_tables, fetch_tables, hint_tables, identity_tables, pairing_tables, tables

METADATA = SQLModel.metadata
TABLES = (tables, commitment_tables, fetch_tables, hint_tables, identity_tables, pairing_tables)
