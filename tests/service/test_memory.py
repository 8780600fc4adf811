"""What becomes of a role that has no memory left."""

import subprocess
import sys

import pytest

from service.memory import NO_MEMORY

ENDS = "threading.Thread(target=fail).start()"
NEVER_BEGINS = """
lost = threading.Thread(target=fail)

def start_in_vain():
    threading._start_new_thread = lambda *_: 0  # as where a thread finds no memory for its first line
    lost.start()

threading.Thread(target=start_in_vain, daemon=True).start()
"""
PROGRAM = """
import threading, time
from service import memory

def fail():
    raise {error}("CANARY")

watch = memory.MemoryWatch("work")
threading.excepthook = watch.on_thread_end
memory.BEGINS_WITHIN_SECONDS = 0.2
{happens}
for _ in range(int({seconds} / 0.05)):
    watch.look()
    time.sleep(0.05)
"""


def run(happens: str, error: str, seconds: float) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(happens=happens, error=error, seconds=seconds)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("happens", [ENDS, NEVER_BEGINS], ids=["ends", "never begins"])
def test_a_process_ends_when_a_thread_has_no_memory_and_says_so_without_a_value(happens: str) -> None:
    ended = run(happens, "MemoryError", 30)

    assert ended.stderr == '{"role": "work", "event": "memory ran out", "level": "error"}\n'
    assert ended.returncode == NO_MEMORY


def test_other_errors_of_threads_end_no_process() -> None:
    assert run(ENDS, "ValueError", 0.5).returncode == 0
