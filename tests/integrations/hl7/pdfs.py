"""PDFs as small as they can be, written by hand, for tests of what is read from them."""

import zlib
from collections.abc import Sequence


def pdf(pages: Sequence[str]) -> bytes:
    """A PDF with a page for each text, one line of it under the other."""
    return assembled([_drawn(text) for text in pages])


def scan() -> bytes:
    """A PDF whose page holds a drawing and no text."""
    return assembled([b"0 0 100 100 re f"])


def bomb(size: int) -> bytes:
    """A PDF of some kilobytes whose page is so many bytes once inflated."""
    return assembled([zlib.compress(b"0 " * (size // 2), 9)], b" /Filter /FlateDecode")


def assembled(contents: Sequence[bytes], how: bytes = b"") -> bytes:
    count = len(contents)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * place) for place in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % count,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for place, content in enumerate(contents):
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R" % (5 + 2 * place)
        objects.append(page + b" /Resources << /Font << /F1 3 0 R >> >> >>")
        objects.append(b"<< /Length %d%s >>\nstream\n" % (len(content), how) + content + b"\nendstream")
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def _drawn(text: str) -> bytes:
    lines = "".join(f"({line}) Tj 0 -14 Td " for line in text.split("\n"))
    return f"BT /F1 11 Tf 50 780 Td {lines}ET".encode("latin-1")
