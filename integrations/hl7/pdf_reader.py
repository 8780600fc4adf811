"""The text of a PDF, read by a process of its own: a PDF of a kilobyte can ask for gigabytes, or for hours.

`pdf_text` runs this module as a program: a PDF on standard input, its text on standard output.
"""

import io
import resource
import subprocess
import sys
from collections import OrderedDict
from hashlib import sha256
from threading import Lock

from integrations.hl7.errors import UnreadableDocument

LARGEST_PDF = 20 * 1024 * 1024
MOST_PAGES = 60
SECONDS = 15
MEMORY = 1024 * 1024 * 1024
LONGEST_TEXT = 1024 * 1024
_ENCRYPTED, _TOO_MANY_PAGES = 3, 4
_WHY = {
    _ENCRYPTED: "it is encrypted",
    _TOO_MANY_PAGES: f"it has more than {MOST_PAGES} pages",
}
_KEPT = 256
_known: OrderedDict[bytes, str] = OrderedDict()  # versions of a report are read again whenever one more arrives
_lock = Lock()


def pdf_text(content: bytes) -> str:
    """Give the text of a PDF, page after page, within limits of size, pages, time and memory.

    Raises:
        UnreadableDocument: it holds no text, as a scan does, or a limit is exceeded, or it is damaged or encrypted.
    """
    if len(content) > LARGEST_PDF:
        raise _unread(f"it is larger than {LARGEST_PDF // 1024 // 1024} MiB")
    digest = sha256(content).digest()
    with _lock:
        if digest in _known:
            return _known[digest]
    text = _converted(content)
    with _lock:
        _known[digest] = text
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    return text


def _converted(content: bytes) -> str:
    command = [sys.executable, "-P", "-m", "integrations.hl7.pdf_reader"]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise _unread(f"it takes longer than {SECONDS} seconds") from None
    if done.returncode:
        raise _unread(_WHY.get(done.returncode, "it is damaged, or needs more memory than it is given"))
    text = done.stdout.decode("utf-8", "replace")
    if not text.strip():
        raise _unread("it holds pictures and no text, as a scan does")
    if len(text) > LONGEST_TEXT:
        raise _unread("its text is longer than any report")
    return text


def _unread(why: str) -> UnreadableDocument:
    return UnreadableDocument(f"The PDF is not read: {why}. Read the original, or have the sender send text.")


def _run() -> int:
    """Read a PDF from standard input in this process, whose memory and time are limited first."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()))
    if reader.is_encrypted and not reader.decrypt(""):
        return _ENCRYPTED
    if len(reader.pages) > MOST_PAGES:
        return _TOO_MANY_PAGES
    text = "\n".join(page.extract_text() for page in reader.pages)
    sys.stdout.buffer.write(text[: LONGEST_TEXT + 1].encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    sys.exit(_run())
