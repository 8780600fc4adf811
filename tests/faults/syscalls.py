"""System calls of a live process that fail, or that do nothing, as on a disk that does so."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psutil

from tests.peers.dicom import program


@contextmanager
def injected(pid: int, *faults: str) -> Iterator[None]:
    """Inject faults into all threads of a process until the end, as in `fsync:error=EIO` (see strace, `-e inject`)."""
    command = [program("strace"), "-f", "-p", str(pid), "-o", "/dev/null"]
    for fault in faults:
        command += ["-e", f"inject={fault}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        said = tracer.stderr.readline()
        assert "attached" in said, said
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=30)


@contextmanager
def injected_into(processes: Sequence[psutil.Process], *faults: str) -> Iterator[None]:
    """Do as `injected` does in several processes."""
    with ExitStack() as stack:
        for process in processes:
            stack.enter_context(injected(process.pid, *faults))
        yield
