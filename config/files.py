"""Reading the YAML files that people write."""

from pathlib import Path
from typing import Any

import yaml

from config.errors import SpinelabelError


def read_yaml(path: Path, unusable: type[SpinelabelError], remedy: str) -> Any:
    """Give what a file holds.

    Args:
        path: the file.
        unusable: the error that says that this kind of file cannot be used.
        remedy: what to do where the file cannot be read, as a sentence.

    Raises:
        SpinelabelError: of the kind given, where the file cannot be read or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unusable(f"{path}: {error.strerror}. {remedy}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise unusable(f"{path} is not YAML: {error}") from error
