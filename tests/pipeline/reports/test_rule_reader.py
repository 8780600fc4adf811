"""What the rules read in sentences that are invented for it."""

import pytest

from config.conditions import Condition, load_conditions
from pipeline.reports.rule_reader import read_by_rules, rule_reader_knows

CONDITIONS = {condition.name: condition for condition in load_conditions()}
SCOLIOSIS = Condition(name="scoliosis", definition="Scoliosis is a sideways curve of the spine.")
PARS_DEFECT = Condition(name="pars defect", definition="A pars defect is a gap in the pars interarticularis.")


@pytest.mark.parametrize(
    ("report", "stated"),
    [
        ("Multiple vertebral metastases.", True),
        ("Lesion in L3 suspicious for metastasis.", True),
        ("Haemangioma of L2.", False),
        ("Known breast cancer. Marrow signal normal.", False),
        ("Known breast cancer with metastases in T5 and L2.", True),
        ("T6 meningioma.", False),
        ("HISTORY: prostate cancer.\nFINDINGS: No deposits.", False),
        ("Lesion in L2 unlikely to represent a metastasis.", False),
        ("Bone scan advised to exclude metastases.", False),
        ("Pathological fracture of T8 with soft tissue mass.", True),
        ("Stable sclerotic metastases in L1 and L4.", True),
        ("Metastatic disease has been excluded.", False),
        ("No primary or secondary bone tumour.", False),
        ("Epidural tumour at L3.", True),
        ("Degenerate disc. Renal cell carcinoma noted in the left kidney.", False),
        ("Appearances are those of lymphoma.", True),
        ("Multiple lesions throughout the vertebrae, highly suspicious for metastatic spread.", True),
        ("T1 hypointense lesion in the L4 pedicle, concerning for malignancy.", True),
        ("Marrow oedema, likely degenerative; no features of malignancy.", False),
        ("Schwannoma of the L3 root, a benign nerve sheath tumour.", False),
        ("Infiltration of the sacrum by rectal carcinoma.", True),
        ("Destructive lesion of T11 with epidural extension.", True),
        ("Modic type 1 change rather than infection or neoplasm.", False),
        ("Previously treated metastases in L2 are stable.", True),
        ("Post radiotherapy marrow change. No residual tumour.", False),
        ("No bony metastasis. Lung primary partly seen.", False),
        ("Vertebral metastsis in L1.", True),
        ("Signal change does not suggest malignancy.", False),
        ("Large uterine fibroid. Ovarian malignancy to be excluded by ultrasound.", False),
        ("FINDINGS: Lesion in T9, possible metastasis.\nIMPRESSION: T9 haemangioma. No metastatic disease.", False),
        ("No fracture, infection or tumor.", False),
        ("Aggressive osseous lesion at L2 with cortical destruction.", True),
        ("Diffuse osseous metastatic disease is again seen.", True),
        ("Indication: metastatic breast cancer.\nFindings: No spinal metastasis.", False),
        ("Multiple myeloma, on treatment. No focal marrow lesions.", False),
        ("Synovial cyst. Not a tumour.", False),
        ("No metastases in the spine. Widespread liver metastases.", False),
        ("Fracture is of benign, osteoporotic type; no underlying lesion.", False),
        ("Status post resection of ependymoma with no recurrence.", False),
        ("The focus in L2, queried as a metastasis, turns out to be a haemangioma.", False),
        ("Nothing malignant in the vertebrae.", False),
        ("The registrar's report of a deposit is withdrawn.", False),
        ("A secondary in the left pedicle of L3.", True),
        ("L4 has been infiltrated by renal cell carcinoma.", True),
        ("The breast primary has seeded to T9.", True),
        ("Schmorl node masquerading as a deposit.", False),
    ],
)
def test_cancer_is_stated_or_not(report: str, stated: bool) -> None:
    assert read_by_rules(report, CONDITIONS["cancer"]) is stated


@pytest.mark.parametrize(
    ("report", "stated"),
    [
        ("No central canal, lateral recess or foraminal stenosis.", False),
        ("No canal stenosis but the left L5 root is touched.", True),
        ("Nerve root compression cannot be excluded.", True),
        ("The nerve roots are not impinged, displaced or compressed.", False),
        ("The L4/5 disc space is narrowed.", False),
        ("Compression fracture of L1 with retropulsion narrowing the canal.", True),
        ("Previous decompression for stenosis.", False),
        ("The previously noted L4/5 extrusion is no longer visible.", False),
        ("Disc bulge touches the right S1 root without displacing it.", True),
        ("The lateral recesses are tight.", True),
        ("Indentation of the L3 endplate by a Schmorl node.", False),
        ("HISTORY: known spinal stenosis.\nFINDINGS: Normal canal.", False),
        ("There is no evidence of spinal canal stenosis or nerve root compression at any level.", False),
        ("Neural foramina: patent. No stenosis elsewhere.", False),
        ("Roots exit freely without impingement.", False),
        ("Disc osteophyte complex abuts the ventral cord.", True),
        ("There is moderate central and bilateral subarticular stenosis.", True),
        ("No mass effect on the thecal sac.", False),
        ("Cord is normal with no compression.", False),
        ("No significant central or foraminal narrowing.", False),
        ("Disc height loss and desiccation at L4/5, canal and foramina preserved.", False),
        ("Disc material in contact with the left S1 root.", True),
        ("The previous stenosis at L4/5 has been decompressed.", False),
        ("Scar tissue surrounds the L5 root without compression.", False),
        ("Tight canal L4/5.", True),
        ("Foraminal stenosis: Absent.", False),
        ("Disc bulges L3-L5, no significant neural foraminal or spinal canal compromise.", False),
        ("Impression: Lumbar canal stenosis.", True),
        ("Mild anterior wedge compression of T12, chronic.", False),
        ("Severe cord compression at T6 from epidural tumour.", True),
        ("Disc bulge at L4/5 contacts the descending L5 nerves.", True),
        ("Patent neural exit foramina. The exiting nerve roots are unremarkable.", False),
        ("Compared to the prior MRI the stenosis has resolved.", False),
        ("Comparison: MRI 2018 showed stenosis at L4/5.\nFindings: Normal postoperative canal.", False),
        ("Minimal posterior bulge not compromising the canal.", False),
        ("Nothing presses on the roots.", False),
        ("The bulge reaches neither theca nor root.", False),
        ("Disc bulge, short of a protrusion.", False),
        ("Nowhere is the canal narrowed.", False),
        ("The recess, narrowed before surgery, has been released.", False),
        ("Ligamentum flavum that chokes the canal.", True),
        ("There is too little room for the L5 root.", True),
        ("The foramen is down to a slit.", True),
        ("A not inconsiderable protrusion.", True),
    ],
)
def test_stenosis_is_stated_or_not(report: str, stated: bool) -> None:
    assert read_by_rules(report, CONDITIONS["stenosis"]) is stated


@pytest.mark.parametrize(
    ("report", "stated"),
    [
        ("Grade 1 anterolisthesis of L4 on L5.", True),
        ("L5 is displaced anteriorly on S1 by 6 mm.", True),
        ("No spondylolisthesis.", False),
        ("Slipped disc at L4/5.", False),
        ("No anterior or posterior slip on flexion.", False),
        ("Posterior displacement of the S1 root.", False),
        ("Alignment normal. Lumbar lordosis preserved.", False),
        ("Alignment: 3 mm forward step of L4 relative to L5.", True),
        ("Disc fragment displaced posteriorly behind L5.", False),
        ("Spondylolysis without associated spondylolisthesis.", False),
        ("There is 5 mm of anterior translation at L4/5.", True),
        ("Lytic slip at L5/S1.", True),
        ("Slipped on ice two weeks ago. Alignment normal.", False),
        ("Scoliosis convex to the left without listhesis.", False),
        ("Post fusion L4/5 for spondylolisthesis; residual grade 1 slip persists.", True),
        ("Sagittal alignment is anatomic. Vertebral bodies are not displaced.", False),
        ("Facet joint subluxation.", False),
        ("Possible slight anterolisthesis of L3.", True),
        ("Alignment: No listhesis.", False),
        ("Normal alignment, no spondylolysis or spondylolisthesis.", False),
        ("Known L5/S1 spondylolisthesis, stable.", True),
        ("There is slight forward slippage of L3 in relation to L4.", True),
        ("Minimal backward displacement of L2 over L3.", True),
        ("Flexion views: slip does not occur.", False),
        ("L4 overhangs L5 by 4 mm.", True),
        ("L3 has crept forward on L4.", True),
        ("The slip on the standing film is not reproduced.", False),
        ("Slip 0 mm at all levels.", False),
        ("The vertebrae are in line, none having slipped.", False),
        ("Lateral listhesis within the scoliosis.", False),
    ],
)
def test_spondylolisthesis_is_stated_or_not(report: str, stated: bool) -> None:
    assert read_by_rules(report, CONDITIONS["spondylolisthesis"]) is stated


@pytest.mark.parametrize(
    ("report", "stated"),
    [
        ("Severe compression of the cauda equina.", True),
        ("The cauda equina nerve roots are severely compressed.", True),
        ("No cauda equina compression.", False),
        ("The thecal sac is compressed but the cauda equina is normal.", False),
        ("Cauda equina syndrome was queried; no compressive lesion.", False),
        ("Massive extrusion with cauda equina compression.", True),
        ("If symptoms of cauda equina compression develop, repeat imaging.", False),
        ("Findings consistent with cauda equina compression.", True),
        ("The cauda equina roots are redundant.", False),
        ("Tumour compresses the thecal sac and the cauda equina.", True),
        ("Severe stenosis compressing the cauda equina roots.", True),
        ("No evidence of compression of the cauda equina or conus.", False),
        ("Cauda equina is compressed at L4/5 by the disc extrusion.", True),
        ("Normal conus. Cauda equina unremarkable. L4/5 stenosis compresses both L5 roots.", False),
        ("The L5 root is compressed; no compromise of the cauda equina.", False),
        ("Compresion of the cauda equina.", True),
        ("?CES. No cauda equina compression.", False),
        ("Severe central stenosis with compression of the cauda equina nerve roots.", True),
        ("Central disc protrusion without cauda equina compression.", False),
        ("The disc fragment fills the canal and compresses the cauda equina.", True),
        ("Compressive effect on the cauda equina roots.", True),
        ("Abscess squeezes the cauda equina.", True),
        ("The cauda equina is under pressure from the disc.", True),
        ("The horse's tail is strangled.", True),
        ("The cauda is uncompressed.", False),
        ("Cord compression above, the cauda equina itself being free.", False),
        ("Nothing impinges on the cauda equina.", False),
        ("The cauda equina, compressed on admission, has been released.", False),
    ],
)
def test_cauda_equina_compression_is_stated_or_not(report: str, stated: bool) -> None:
    assert read_by_rules(report, CONDITIONS["cauda equina compression"]) is stated


@pytest.mark.parametrize(
    ("report", "stated"),
    [
        ("L4/5 disc extrusion.", True),
        ("Sequestered fragment behind L5.", True),
        ("No disc herniation.", False),
        ("Disc protrusion at L5/S1.", False),
        ("Hiatus hernia.", False),
        ("Recurrent disc herniation at L4/5.", True),
        ("Previous L5/S1 herniation. Now no residual disc material.", False),
        ("Protrusion rather than extrusion.", False),
        ("The extrusion has been removed.", False),
        ("No protrusion, extrusion or sequestration.", False),
        ("Annular tear but no frank herniation.", False),
        ("The previously seen herniation has regressed and is not seen today.", False),
        ("The herniation seen on the previous MRI is smaller but still present.", True),
        ("Disc has herniated into the left foramen.", True),
        ("Large caudally migrated sequestrum at L5/S1 from the disc.", True),
        ("Bulging disc, not herniated.", False),
        ("Post discectomy for herniation. Scar only.", False),
        ("There is a protrusion. No extruded or sequestered component.", False),
        ("Ruptured disc L4/5.", True),
        ("Anular rupture.", False),
        ("No recurrent or residual disc herniation.", False),
        ("Previous discectomy. New herniation at L3/4.", True),
        ("No obvious significant disc bulge/protrusion/herniation noted.", False),
        ("Indication: disc herniation. Findings: protrusion L4/5.", False),
        ("PIVD L4-5.", True),
        ("Focal disc extrusion with inferior migration, no sequestration.", True),
        ("Herniated bowel loops in the umbilical region.", False),
        ("Degenerative bulge, no evidence for acute herniation.", False),
        ("Status post L5-S1 microdiscectomy with recurrent herniation.", True),
        ("Interval resolution of the L4/5 disc herniation.", False),
        ("Nothing amounting to a herniation.", False),
        ("All discs fall short of an extrusion.", False),
        ("There is know disc extrusion.", False),
        ("Disc herniation there is none.", False),
        ("Nuclear material has escaped through the annulus.", True),
        ("A piece has broken away and lies behind L4.", True),
        ("Bulge -, extrusion -, contact -.", False),
    ],
)
def test_herniation_is_stated_or_not(report: str, stated: bool) -> None:
    assert read_by_rules(report, CONDITIONS["herniation"]) is stated


@pytest.mark.parametrize(
    ("report", "narrow"),
    [
        ("L3/4: normal. L4/5: moderate stenosis. L5/S1: normal.", ["L4-L5"]),
        ("No stenosis except at L3/4.", ["L3-L4"]),
        ("Stenosis is mild at L3/4 and severe at L4/5.", ["L3-L4", "L4-L5"]),
        ("Foraminal narrowing from L2/3 to L4/5.", ["L3-L4", "L4-L5"]),
        ("FINDINGS: Stenosis at L4/5. Stenosis at L3/4.\nADDENDUM: On review there is no stenosis at L4/5.", ["L3-L4"]),
        ("Moderate canal stenosis at all lumbar levels.", ["L3-L4", "L4-L5", "L5-S1"]),
        ("Bulges at L3/4 and L4/5, the latter compressing the sac.", ["L4-L5"]),
        ("L3-4, L4-5:\nBulges, canal narrowed.", ["L3-L4", "L4-L5"]),
        ("The L4/5 disc protrudes; those at L3/4 and L5/S1 do not.", ["L4-L5"]),
        ("L4/5 shows a protrusion whereas L3/4 is normal.", ["L4-L5"]),
        ("The lower two lumbar levels show foraminal narrowing.", ["L4-L5", "L5-S1"]),
        ("L4/5 : Disc protrusion with compression of thecal sac. Rest of the levels normal.", ["L4-L5"]),
        ("Moderate stenosis at L3-4 and L4-5 and severe at L5-S1.", ["L3-L4", "L4-L5", "L5-S1"]),
        ("Moderate stenosis at L3/4, none at L4/5.", ["L3-L4"]),
        ("Protrusion at L3/4 but not at L4/5.", ["L3-L4"]),
        ("Canal stenosis L2-L5.", ["L3-L4", "L4-L5"]),
        ("Severe stenosis at L3/4 and to a lesser extent L4/5.", ["L3-L4", "L4-L5"]),
        ("Severe stenosis at L5/S1. Milder stenosis at the level above.", ["L4-L5", "L5-S1"]),
        ("L4/5\nBroad based bulge.\nThe left L5 root is compressed.\nL5/S1\nNormal.", ["L4-L5"]),
        ("MRI CERVICAL SPINE\nC4/5: severe stenosis. C5/6: protrusion.", []),
        ("Cervical spine: canal narrowed at all levels C3/4 to C6/7.", []),
        ("ADDENDUM: L4/5 should read L5/S1.\nFINDINGS: Protrusion at L4/5.", ["L5-S1"]),
        ("FINDINGS: Stenosis at L4/5 and L3/4.\nADDENDUM: On review there is no stenosis at L4/5.", ["L3-L4"]),
        ("The traversing L5 root is impinged.", ["L4-L5"]),
        ("At L4/5 there is a bulge. This narrows both recesses.", ["L4-L5"]),
        ("L4/5 protrusion, L5/S1 normal.", ["L4-L5"]),
        ("1. L4-5 disc protrusion.\n2. L5-S1 disc bulge.", ["L4-L5"]),
        (
            "| level | disc | canal | foramina |\n| L4-5 | normal | wide | open |\n| L5-S1 | bulge | narrow | tight |",
            ["L5-S1"],
        ),
        ("No stenosis at L3/4, L4/5 or L5/S1.", []),
        (
            "At L4-L5, there is a broad bulge. Facets are large. Moderate stenosis. Mild foraminal narrowing.",
            ["L4-L5"],
        ),
        (
            "L3-L4: Mild canal stenosis.\nL4-L5: Disc bulge. No significant stenosis. Foramina are patent.",
            ["L3-L4"],
        ),
        ("L4-L5: No significant canal stenosis. Mild bilateral neural foraminal narrowing.", ["L4-L5"]),
        ("The left S1 root is compressed in the lateral recess.", ["L5-S1"]),
        ("The exiting L5 root is impinged.", ["L5-S1"]),
        ("L3/4 severe stenosis; L4/5 and L5/S1 without stenosis.", ["L3-L4"]),
        (
            "L5/S1: Posterior bulge.\nThere is exit foraminal narrowing, moderate on the right.",
            ["L5-S1"],
        ),
        (
            "At L4-L5, there is moderate stenosis. At L5-S1, no significant stenosis. Conus ends at L1.",
            ["L4-L5"],
        ),
        ("There is narrowing of the foramina at the lumbosacral junction.", ["L5-S1"]),
        ("Multilevel degenerative change, worst at L5/S1 where there is severe foraminal stenosis.", ["L5-S1"]),
        ("Unlike L4/5, the canal at L5/S1 is not narrowed.", []),
        ("S1 nerve roots compressed at L5-S1 bilaterally.", ["L5-S1"]),
    ],
)
def test_stenosis_is_given_to_the_levels_that_it_is_told_of(report: str, narrow: list[str]) -> None:
    stenosis = CONDITIONS["stenosis"]

    assert [level for level in stenosis.levels if read_by_rules(report, stenosis, level)] == narrow


@pytest.mark.parametrize(
    ("report", "stated"),
    [
        ("Marked scoliosis convex to the left.", True),
        ("No scoliosis.", False),
        ("Scoliosis is not seen.", False),
        ("Alignment is normal.", False),
    ],
)
def test_a_condition_without_rules_is_read_by_its_name(report: str, stated: bool) -> None:
    assert read_by_rules(report, SCOLIOSIS) is stated


def test_every_word_of_a_name_must_stand_in_the_sentence() -> None:
    assert read_by_rules("Bilateral pars defects at L5.", PARS_DEFECT)
    assert not read_by_rules("A defect of the left lamina.", PARS_DEFECT)


def test_only_conditions_with_rules_are_known() -> None:
    assert all(rule_reader_knows(condition) for condition in CONDITIONS.values())
    assert not rule_reader_knows(SCOLIOSIS)


def test_an_empty_report_states_nothing() -> None:
    assert not any(read_by_rules("", condition) for condition in CONDITIONS.values())


def test_a_text_without_an_end_is_read_up_to_its_end() -> None:
    report = "the disc and the joint " * 400 + "\nThe canal is narrowed at L4/5"

    assert read_by_rules(report, CONDITIONS["stenosis"], "L4-L5")
