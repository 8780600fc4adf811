from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.framing import CutShort, Deframer, Frame, IncompleteFrame

LIMIT = 1000

contents = st.binary(max_size=40).filter(lambda content: b"\x0b" not in content and b"\x1c" not in content)
noise = st.sampled_from([b"", b"\x00", b"\n", b"\x00\r\n", b"log line\n"])
ends = st.sampled_from([b"\x1c\r", b"\x1c"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream of frames with noise between them, and the contents of its frames."""
    frames = draw(st.lists(st.tuples(noise, contents, ends), max_size=5))
    data = b"".join(before + b"\x0b" + content + end for before, content, end in frames)
    # An FS without CR is only told from text by what follows; letters that follow it belong to the text.
    data = data.replace(b"\x1clog", b"\x1c\rlog")
    return data, [content for _, content, _ in frames]


@given(stream=streams(), cuts=st.lists(st.integers(0, 300)))
def test_frames_are_the_same_however_the_stream_is_cut(stream: tuple[bytes, list[bytes]], cuts: list[int]) -> None:
    data, expected = stream
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    deframer = Deframer(LIMIT)

    found = [frame for begin, end in pairwise(edges) for frame in deframer.feed(data[begin:end])]
    found += deframer.finish(CutShort.CLOSED)

    assert found == [Frame(content) for content in expected]


@given(data=st.binary(max_size=300))
def test_any_bytes_are_taken_one_at_a_time_as_at_once(data: bytes) -> None:
    at_once, one_by_one = Deframer(LIMIT), Deframer(LIMIT)

    first = [*at_once.feed(data), *at_once.finish(CutShort.CLOSED)]
    second = [frame for place in range(len(data)) for frame in one_by_one.feed(data[place : place + 1])]
    second += one_by_one.finish(CutShort.CLOSED)

    assert first == second
    assert at_once.skipped == one_by_one.skipped


def test_noise_is_counted_and_the_cr_of_a_frame_is_not() -> None:
    deframer = Deframer(LIMIT)

    deframer.feed(b"\x00\x00\x0bMSH|\x1c\r\n\x0bMSH|\x1c")
    deframer.pause()
    deframer.feed(b"\r\x00")

    assert deframer.skipped == 4


def test_a_frame_without_cr_ends_after_a_pause() -> None:
    deframer = Deframer(LIMIT)

    assert deframer.feed(b"\x0bMSH|1\x1c") == []
    assert deframer.may_have_ended
    assert deframer.pause() == [Frame(b"MSH|1")]
    assert not deframer.inside


def test_a_file_separator_inside_the_text_does_not_end_the_frame() -> None:
    assert Deframer(LIMIT).feed(b"\x0bMSH|half \x1c other half\x1c\r") == [Frame(b"MSH|half \x1c other half")]


def test_the_last_of_several_file_separators_ends_the_frame() -> None:
    assert Deframer(LIMIT).feed(b"\x0bMSH|one\x1c\x1c\r") == [Frame(b"MSH|one\x1c")]


def test_a_soft_line_break_inside_the_text_begins_no_frame() -> None:
    assert Deframer(LIMIT).feed(b"\x0bMSH|one\x0btwo\x1c\r") == [Frame(b"MSH|one\x0btwo")]


def test_a_frame_begun_inside_another_gives_that_one_up() -> None:
    assert Deframer(LIMIT).feed(b"\x0bMSH|cut\x0bMSH|whole\x1c\r") == [
        IncompleteFrame(b"MSH|cut", CutShort.RESTARTED),
        Frame(b"MSH|whole"),
    ]


def test_a_frame_over_the_limit_is_cut_and_the_next_one_is_read() -> None:
    deframer = Deframer(10)

    found = [
        frame for byte in b"\x0bMSH|" + b"x" * 50 + b"\x1c\r\x0bMSH|2\x1c\r" for frame in deframer.feed(bytes([byte]))
    ]

    assert found == [IncompleteFrame(b"MSH|xxxxxx", CutShort.TOO_LONG), Frame(b"MSH|2")]


def test_an_unfinished_frame_is_given_up_at_the_end() -> None:
    deframer = Deframer(LIMIT)
    deframer.feed(b"\x0bMSH|half")

    assert deframer.finish(CutShort.CLOSED) == [IncompleteFrame(b"MSH|half", CutShort.CLOSED)]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_half_of_a_wide_character_ends_no_frame(codec: str, mark: str) -> None:
    content = f"{mark}MSH|^~\\&|x\rOBX|1|TX|||\u201cwide\u201c\r".encode(codec)

    assert Deframer(LIMIT).feed(b"\x0b" + content + b"\x1c\r") == [Frame(content)]
