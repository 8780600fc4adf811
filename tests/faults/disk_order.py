"""What a process put on disk before it answered, read from its system calls by strace.

A kill proves nothing about the disk, since the page cache survives it: only the order of the calls does.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat2", "mkdir", "sendto")
_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_BEGUN = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<arguments>.*?) *<unfinished \.\.\.>")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)")
_PATH = re.compile(r"^\d+<(?P<path>[^>]*)>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Call:
    """A system call that has come to its end: what it was of, and the first bytes of what it wrote or sent."""

    name: str
    path: str
    to: str = ""
    content: bytes = b""


@contextmanager
def traced(pid: int, trace: Path) -> Iterator[None]:
    """Write the calls of a process and its threads to a file until the end of the block."""
    strace = shutil.which("strace")
    assert strace is not None
    command = [strace, "-f", "-y", "-xx", "-s", "64", "-o", str(trace), "-e", f"trace={','.join(CALLS)}"]
    tracer = subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=30)


def read_trace(trace: Path) -> list[Call]:
    """Give the calls that succeeded, in the order in which they came to their ends."""
    begun: dict[tuple[str, str], str] = {}
    calls = []
    for line in trace.read_text(errors="replace").splitlines():
        if found := _BEGUN.match(line):
            begun[found["pid"], found["call"]] = found["arguments"]
            continue
        if found := _RESUMED.match(line):
            arguments = begun.pop((found["pid"], found["call"]), "")
            line = f"{found['pid']} {found['call']}({arguments}{found['rest']}"  # as if it had not been cut
        if (found := _LINE.match(line)) and int(found["result"]) >= 0:
            calls.append(_call(found["call"], found["arguments"]))
    return calls


def _call(name: str, arguments: str) -> Call:
    quoted = [_bytes(each) for each in _QUOTED.findall(arguments)]
    if name in {"rename", "renameat2"}:
        return Call("rename", quoted[0].decode(), to=quoted[1].decode())
    if name == "mkdir":
        return Call(name, quoted[0].decode())
    described = _PATH.match(arguments)
    path = described["path"] if described else ""
    if "\\x" in path:
        path = _bytes(path).decode(errors="replace")
    return Call(name, path, content=quoted[0] if quoted else b"")


def _bytes(quoted: str) -> bytes:
    return quoted.encode().decode("unicode_escape").encode("latin-1")


def object_faults(calls: Sequence[Call]) -> list[str]:
    """Say what was not on disk before each object was answered; `calls` are of one association.

    Before each answer (a P-DATA-TF PDU): the object's file is synchronised, then renamed to its place, then the
    folder of that place is synchronised, then the database's log. Of a folder that was made, the one above it too.
    """
    faults = []
    since: list[Call] = []
    answers = 0
    for call in calls:
        since.append(call)
        if call.name == "sendto" and call.content[:1] == b"\x04":
            answers += 1
            faults += [f"answer {answers}: {fault}" for fault in _before_answer(since)]
            since = []
    return faults if answers else ["nothing was answered"]


def _before_answer(calls: Sequence[Call]) -> Iterator[str]:
    renamed = [number for number, call in enumerate(calls) if call.name == "rename" and "/objects/" in call.to]
    if len(renamed) != 1:
        yield "no file was renamed to its place"
        return
    (place,) = renamed
    moved = calls[place]
    written = _last(calls[:place], "write", moved.path)
    synchronised = _last(calls[:place], "fsync", moved.path)
    if synchronised < 0 or synchronised < written:
        yield "the file was not synchronised before it was renamed"
    folder = _first(calls, "fsync", str(PurePosixPath(moved.to).parent), after=place)
    if folder < 0:
        yield "the folder was not synchronised after the rename"
    if _first(calls, "fdatasync", "-wal", after=max(place, folder)) < 0:
        yield "the database was not synchronised after the file was in its place"
    for number, call in enumerate(calls):
        if call.name == "mkdir" and "/objects/" in call.path:
            above = str(PurePosixPath(call.path).parent)
            if _first(calls, "fsync", above, after=number) < 0:
                yield "the folder above a new one was not synchronised"


def message_faults(calls: Sequence[Call]) -> list[str]:
    """Say what was not on disk before each message was acknowledged (a frame that begins with VT)."""
    faults = []
    answers = 0
    since: list[Call] = []
    for call in calls:
        since.append(call)
        if call.name == "sendto" and call.content[:1] == b"\x0b":
            answers += 1
            written = _last(since, "pwrite64", "-wal")
            if written < 0:
                faults.append(f"answer {answers}: nothing was written to the database")
            elif _first(since, "fdatasync", "-wal", after=written) < 0:
                faults.append(f"answer {answers}: the database was not synchronised after it was written")
            since = []
    return faults if answers else ["nothing was answered"]


def _last(calls: Sequence[Call], name: str, path: str) -> int:
    return max(
        (number for number, call in enumerate(calls) if call.name == name and call.path.endswith(path)), default=-1
    )


def _first(calls: Sequence[Call], name: str, path: str, *, after: int) -> int:
    """Give where a call of a path follows, or -1."""
    for number in range(after + 1, len(calls)):
        if calls[number].name == name and calls[number].path.endswith(path):
            return number
    return -1
