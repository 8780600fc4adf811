"""Column types that mean the same on every database, and how constraints are named."""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, DateTime, Dialect, MetaData, String, TypeDecorator
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
).naming_convention


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone on every store; SQLite alone would lose it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn any zone into UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give UTC back."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class StateText(TypeDecorator[StrEnum]):
    """A state by its value as plain text, so that a new state needs no change of type in any database."""

    impl = String
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write the value."""
        return str(value) if value is not None else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002
        """Give the state back."""
        return self.states(value) if value is not None else None


def time_column(*, nullable: bool = False, index: bool = False) -> Any:
    """Declare a column of times."""
    return Field(
        default=None if nullable else ...,
        sa_type=UtcTime,
        nullable=nullable,
        index=index,
    )


def state_column(default: StrEnum | None, states: type[StrEnum]) -> Any:
    """Declare an indexed column of states; without a default each row must state its own."""
    return Field(
        default=... if default is None else default,
        sa_column=Column(StateText(states), nullable=False, index=True),
    )


def link_column() -> Any:
    """Declare what the page's addresses name a row by: it says nothing about a patient and cannot be guessed."""
    return Field(default_factory=_new_link, index=True, unique=True)


def _new_link() -> str:
    return secrets.token_hex(12)


def key_column(of: str) -> Any:
    """Declare the indexed column by which an identifier is compared; what nobody normalised is compared as it is."""
    return Field(
        default=None,
        sa_column=Column(
            String, nullable=False, index=True, default=lambda row: row.get_current_parameters().get(of, "")
        ),
    )


def row_values(table: type[SQLModel], **values: Any) -> dict[str, Any]:
    """Give the values of a new row for a plain statement: these, and the defaults that a mapped row would have."""
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in table.model_fields.items()
        if name not in values and name != "id"
    }
    return defaults | values


def utc_now() -> datetime:
    """Give the present time."""
    return datetime.now(UTC)
