import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from benchmarks import images


def end_without_an_answer(folder: Path, pipe: Connection) -> None:
    """Stand in for a child that is killed, as it is where memory runs out."""
    sys.exit(7)


@pytest.mark.timeout(120)
def test_a_child_that_fails_ends_the_benchmark_with_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_read_apart", end_without_an_answer)

    with pytest.raises(SystemExit, match="exit code 7"):
        images.measure_memory(tmp_path / "large", 1)
