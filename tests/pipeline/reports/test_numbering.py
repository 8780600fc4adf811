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
        ("There is a transitional\nlumbosacral vertebra.", "transitional lumbosacral vertebra"),
        ("There is a transitional\r\nlumbosacral vertebra.", "transitional lumbosacral vertebra"),
        ("A  transitional   L5 is seen.", "transitional l5"),
        ("There are six non rib-bearing lumbar vertebrae.", "six non rib-bearing lumbar vertebrae"),
        ("Four lumbar-type non-rib-bearing vertebrae.", "four lumbar-type non-rib-bearing vertebrae"),
        ("Six rather than five lumbar vertebrae.", "six rather than five lumbar vertebrae"),
        ("Six\u00a0lumbar\u2011type vertebral bodies.", "six lumbar-type vertebral"),
        ("S1 is transitional.", "s1 is transitional"),
        ("The last segment appears to be transitional.", "segment appears to be transitional"),
        ("TRANSITIONAL\nLUMBOSACRAL SEGMENT.", "transitional lumbosacral segment"),
        ("Previously described sacralization of L5.", "sacralization"),
        ("Known sacralised L5, as on the prior study.", "sacralised"),
        ("No change in the lumbarization of S1.", "lumbarization"),
        ("Sacralization of L5 cannot be excluded.", "sacralization"),
        ("Question of partial sacralization of L5.", "sacralization"),
        ("No fracture, partial sacralization of L5.", "sacralization"),
        ("No compression fracture\nSacralization of L5", "sacralization"),
        ("1. No fracture\n2. transitional anatomy", "transitional anatomy"),
        ("NO FRACTURE\nSACRALIZATION OF L5", "sacralization"),
        (
            "The left L5 transverse process articulates with the sacrum.",
            "transverse process articulates with the sacrum",
        ),
        ("Protrusion at L5-6.", "l5-6"),
        ("There are 13 pairs of ribs.", "13 pairs of ribs"),
        ("Five lumbar vertebrae and 13 ribs.", "13 ribs"),
        ("Eleven rib-bearing vertebrae.", "eleven rib-bearing vertebrae"),
        ("Levels were counted from above.", "counted from above"),
        ("Number of lumbar vertebrae: 6.", "lumbar vertebrae: 6"),
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
        "No evidence of\nlumbarization of S1.",
        "NO EVIDENCE OF\nLUMBARIZATION.",
        "No fracture, transitional vertebra or spondylolysis.",
        "Alignment is normal without a transitional\nlumbosacral vertebra.",
        "A transitional vertebra is not seen.",
        "Previously described sacralization of L5 is not confirmed.",
        "Transitional anatomy: none.",
        "Transitional anatomy:\nNone.",
        "Five lumbar-type vertebrae.",
        "Five lumbar vertebrae are assumed.",
        "Five lumbar vertebrae rather than six lumbar vertebrae.",
        "Transitional zone of the prostate is normal.",
        "Metastasis at L5, transitional cell carcinoma of the bladder.",
        "Degenerative change at the lumbosacral transition.",
        "Disc bulge at L5-S1, 6 mm.",
        "L 6 mm cyst.",
        "Facet cyst, L 6 mm, R 4 mm.",
        "Canal at L5/6 mm.",
        "Fracture of the left 11 rib.",
        "Fractures of the left 10 and 11 ribs.",
        "The lower four lumbar vertebrae show Modic changes.",
        "Haemangiomas in four lumbar vertebrae.",
        "Four lumbar vertebral bodies show Modic changes.",
        "Fracture of the lower 11 thoracic vertebrae.",
        "Additional lumbar vertebral body metastases.",
        "Additional axial images of the lumbar spine.",
        "Vertebrae were numbered from the sacrum.",
        "",
    ],
)
def test_the_usual_numbering_is_no_reason_for_doubt(text: str) -> None:
    assert unusual_numbering(text) is None
