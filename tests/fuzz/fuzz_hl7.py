"""`make fuzz`: inputs guided by coverage (atheris) through the HL7 reader, then how much of its code they reached.

The child finds the inputs and stops at the first that the reader does not survive; the parent then runs what was kept
of them, and the seeds, once more under `coverage`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOM = Path(__file__).resolve().parents[2] / "integrations" / "hl7"
TOLD_EVERY = 1000
MEMORY_MB = 2048
ONE_INPUT_SECONDS = 10


def find(folder: Path, runs: int, seconds: int) -> None:
    """Run the fuzzer, in a process of its own since it ends it; atheris is imported here alone."""
    import atheris

    with atheris.instrument_imports(include=["integrations.hl7"]):
        from tests.fuzz.hl7_target import Reached, seeds, spliced, try_stream
    reached, known = Reached(), seeds()

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return spliced(data, known, seed)[:most]

    def one(data: bytes) -> None:
        try_stream(data, reached)
        if reached.inputs % TOLD_EVERY == 0:
            (folder / "reached.json").write_text(json.dumps([reached.inputs, reached.text]))

    limits = [f"-runs={runs}", f"-max_total_time={seconds}", f"-timeout={ONE_INPUT_SECONDS}", "-max_len=8192"]
    options = [*limits, f"-rss_limit_mb={MEMORY_MB}", f"-dict={folder / 'tokens'}", "-print_final_stats=1"]
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={folder}/", str(folder / "corpus")], one, custom_mutator=mutate
    )
    atheris.Fuzz()


def measure(folder: Path) -> float:
    """Give the share of the lines of integrations/hl7 that the inputs kept reach."""
    import coverage

    watched = coverage.Coverage(include=[f"{ROOM}/*"], data_file=None)
    for name in [name for name in sys.modules if name.startswith(("integrations.hl7", "tests.fuzz.hl7_target"))]:
        del sys.modules[name]  # what is imported before it is watched would not count
    watched.start()
    from tests.fuzz.hl7_target import Reached, try_stream

    for file in sorted((folder / "corpus").iterdir()):
        try_stream(file.read_bytes(), Reached())
    watched.stop()
    return float(watched.report(show_missing=True)) / 100


def main() -> int:
    """Find inputs, then say how many there were, how many reached the text reader, and what they covered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--child", type=Path)
    asked = parser.parse_args()
    if asked.child is not None:
        find(asked.child, asked.runs, asked.seconds)
        return 0
    from tests.fuzz.hl7_target import TOKENS, seeds

    folder = Path(tempfile.mkdtemp(prefix="spinelabel-fuzz-"))
    (folder / "corpus").mkdir()
    for place, seed in enumerate(seeds()):
        (folder / "corpus" / f"seed{place}").write_bytes(seed)
    written = ("".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS)
    (folder / "tokens").write_text("".join(f'"{token}"\n' for token in written))
    command = [sys.executable, "-m", "tests.fuzz.fuzz_hl7", "--child", str(folder)]
    done = subprocess.run([*command, f"--runs={asked.runs}", f"--seconds={asked.seconds}"], check=False)
    inputs, text = json.loads((folder / "reached.json").read_text())
    covered = measure(folder)
    print(f"inputs: {inputs}; of them with text of a report read: {text} ({text / inputs:.0%})")  # noqa: T201
    print(f"lines of integrations/hl7 reached: {covered:.0%}; inputs kept under {folder}")  # noqa: T201
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
