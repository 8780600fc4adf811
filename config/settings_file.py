"""A settings file with every key, its default, and what it means, written from the settings themselves."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from config.errors import UnusableSettings
from config.settings import Settings, section_of

WIDTH = 110
HEADING = (
    "Settings of one site. Every key stands at its default; unknown keys are refused with the nearest known name. "
    "Environment variables win over this file, as in SPINELABEL__dicom__port=11113."
)


def write_settings_file(path: Path) -> None:
    """Write a commented settings file.

    Raises:
        UnusableSettings: the file is there already, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(commented_settings())
    except FileExistsError as error:
        raise UnusableSettings(f"{path} is there already. Name another file, or edit this one.") from error
    except OSError as error:
        raise UnusableSettings(f"{path}: {error.strerror}. Name a place that can be written.") from error


def commented_settings() -> str:
    """Give the text of a settings file that says what holds without one."""
    return "\n".join([*_comment(HEADING, ""), *_keys()]) + "\n"


def _keys() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        yield ""
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _comment(section.__doc__ or "", "")
            yield f"{name}:"
            for key, inner in section.model_fields.items():
                yield from _key(key, inner, "  ")
        else:
            yield from _key(name, field, "")


def _key(name: str, field: FieldInfo, indent: str) -> Iterator[str]:
    yield from _comment(_meaning(field), indent)
    entry = _entry_model(field)
    if entry is not None:
        yield f"{indent}{name}: {_yaml(field.default)}"
        yield from _entry(entry, f"{indent}#   ")
    elif isinstance(field.default, Path) and field.default.is_absolute():
        yield f"{indent}# {name}: {field.default.name}"  # it lies in the package, wherever that is
    else:
        yield f"{indent}{name}: {_yaml(field.default)}"


def _entry(entry: type[BaseModel], indent: str) -> Iterator[str]:
    for key, field in entry.model_fields.items():
        yield from _comment(f"{key}: {_meaning(field)}", indent)
        if (inner := _entry_model(field)) is not None:
            yield from _entry(inner, f"{indent}  ")


def _meaning(field: FieldInfo) -> str:
    """Say what a setting means, and its values where only some are allowed."""
    kinds = (field.annotation, *get_args(field.annotation))  # the values of a setting that may be null lie one deeper
    allowed = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    return f"{field.description} One of: {', '.join(allowed)}." if allowed else field.description or ""


def _entry_model(field: FieldInfo) -> type[BaseModel] | None:
    """Give the model of a section within a section, of one that may be left out, or of a list's entries."""
    model: type[BaseModel] | None = section_of(field.annotation)
    return model


def _yaml(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    plain = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()


def _comment(text: str, indent: str) -> list[str]:
    lead = indent if indent.strip() else f"{indent}# "
    return [f"{lead}{line}" for line in textwrap.wrap(" ".join(text.split()), WIDTH - len(lead))]
