"""The settings file that `spinelabel init` writes, and the example of a site."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from config.errors import UnusableSettings
from config.settings import Settings, load_settings
from config.settings_file import commented_settings, write_settings_file

ROOT = Path(__file__).parents[2]


def test_the_written_file_says_what_holds_without_one(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    write_settings_file(path)

    assert load_settings(path) == load_settings()


def test_every_key_stands_in_it_with_what_it_means() -> None:
    text = " ".join(line.strip("# ") for line in commented_settings().splitlines())

    for model in described(Settings):
        for name, field in model.model_fields.items():
            assert name in text
            assert field.annotation is None or " ".join((field.description or "").split()) in " ".join(text.split())


def described(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Give a model, those of its sections and of theirs, and those of the entries of its lists."""
    kinds = [kind for field in model.model_fields.values() for kind in (field.annotation, *get_args(field.annotation))]
    inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [model, *(each for kind in inner for each in described(kind))]


def test_of_a_setting_with_few_values_each_is_named() -> None:
    text = " ".join(line.strip("# ") for line in commented_settings().splitlines())

    assert "One of: shared, direct, summary, direct-natural, summary-natural." in text


@pytest.mark.parametrize("model", described(Settings), ids=lambda model: model.__name__)
def test_every_setting_has_a_description(model: type[BaseModel]) -> None:
    sections = {name for name, field in model.model_fields.items() if isinstance(field.default, BaseModel)}

    assert [name for name, field in model.model_fields.items() if not field.description and name not in sections] == []


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("data: elsewhere")

    with pytest.raises(UnusableSettings, match="is there already"):
        write_settings_file(path)
    assert path.read_text() == "data: elsewhere"


def test_the_example_of_a_site_can_be_used() -> None:
    assert load_settings(ROOT / "deploy" / "site.yaml").dicom.ae_title == "SPINELABEL"
