"""Revisions of the schema, applied by `upgrade_database`."""
