import pytest

from pipeline.reports.numbering import unusual_numbering


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Partial lumbarisation of S1.", "lumbarisation"),
        ("The L5 vertebra is sacralized on the left.", "sacralized"),
        ("There is a transitional lumbosacral vertebra, taken for L5.", "transitional lumbosacral vertebra"),
        ("LSTV, Castellvi type IIa.", "lstv"),
        ("Six lumbar-type vertebrae are seen.", "six lumbar-type vertebrae"),
        ("Mild narrowing at L6-S1.", "l6"),
        ("Levels were numbered counting down from C2 on the localizer.", "numbered counting down from c2"),
        ("TECHNIQUE: Vertebrae labelled from the odontoid.", "labelled from the odontoid"),
    ],
)
def test_words_of_an_unusual_numbering_are_found(text: str, words: str) -> None:
    assert unusual_numbering(f"MRI LUMBAR SPINE\n\nFINDINGS: Alignment is normal. {text}") == words


@pytest.mark.parametrize(
    "text",
    [
        "No transitional vertebra.",
        "There is no sacralisation of L5.",
        "No evidence of lumbarisation or sacralisation.",
        "Five lumbar-type vertebrae.",
        "Five lumbar vertebrae are assumed.",
        "Transitional zone of the prostate is normal.",
        "Disc bulge at L5-S1, 6 mm.",
        "",
    ],
)
def test_the_usual_numbering_is_no_reason_for_doubt(text: str) -> None:
    assert unusual_numbering(text) is None
