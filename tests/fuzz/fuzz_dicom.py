"""`make fuzz`: inputs guided by coverage (atheris) through the DICOM readers, seeded with the odd cases."""

import argparse
import sys
from pathlib import Path
from tempfile import mkdtemp

MEMORY_MB = 2048
ONE_INPUT_SECONDS = 10


def find(folder: Path, runs: int, seconds: int) -> None:
    """Run the fuzzer, which ends the process; atheris is imported here alone."""
    import atheris

    with atheris.instrument_imports(include=["integrations.dicom"]):
        from tests.fuzz.dicom_target import SYNTAXES, read_anything, seeds
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds()):
        (corpus / str(number)).write_bytes(bytes([number % len(SYNTAXES)]) + seed)

    def one(data: bytes) -> None:
        if data:
            read_anything(data[1:], SYNTAXES[data[0] % len(SYNTAXES)], folder / "data")

    limits = [f"-runs={runs}", f"-max_total_time={seconds}", f"-timeout={ONE_INPUT_SECONDS}", "-max_len=16384"]
    options = [*limits, f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def main() -> None:
    """Read the limits and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=600)
    chosen = parser.parse_args()
    find(Path(mkdtemp(prefix="spinelabel-fuzz-")), chosen.runs, chosen.seconds)


if __name__ == "__main__":
    main()
