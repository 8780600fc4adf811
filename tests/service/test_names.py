import pytest

from service.names import birth_dates_fit, names_fit, sexes_fit


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param("MARSH^A", "Marsh^Ada", id="case and initials"),
        pytest.param("Mársh^Adá", "Marsh^Ada", id="accents"),
        pytest.param("Müller^Jörg", "Mueller^Joerg", id="umlauts written out"),
        pytest.param("MULLER^JORG", "Müller^Jörg", id="umlauts left out"),
        pytest.param("Groß^Anna", "GROSS^ANNA", id="a sharp s"),
        pytest.param("Sørensen^Åse", "Soerensen^Aase", id="Danish letters written out"),
        pytest.param("Ada^Marsh", "Marsh^Ada", id="family and given name swapped"),
        pytest.param("Marsh^Ada^Maria", "Marsh^Ada", id="a middle name on one side"),
        pytest.param("Marsh^Anna Maria", "Marsh^Anna^Maria", id="a middle name in the given name"),
        pytest.param("Marsh^Maria", "Marsh^Anna^Maria", id="called by the second name"),
        pytest.param("Marsh", "Marsh^Ada", id="no given name"),
        pytest.param("Ada Marsh", "Marsh^Ada", id="all in one part"),
        pytest.param("Marsh, Ada", "Marsh^Ada", id="a comma"),
        pytest.param("Dr. Marsh^Ada^^Prof.", "Marsh^Ada", id="titles"),
        pytest.param("von der Leyen^Ada", "Leyen^Ada", id="particles"),
        pytest.param("Marsh-Hill^Ada", "Hill^Ada", id="one of two family names"),
        pytest.param("Mac Donald^Ada", "MacDonald^Ada", id="a blank in the family name"),
        pytest.param("O'Brien^Ada", "OBRIEN^ADA", id="an apostrophe"),
        pytest.param("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田^太郎", id="one of several scripts"),
        pytest.param("ヤマダ^タロウ", "Yamada^Tarou=山田^太郎=やまだ^たろう", id="katakana and hiragana"),
        pytest.param("山田太郎", "山田^太郎", id="no blank between the names"),
        pytest.param("Иванов^Иван", "Ivanov^Ivan", id="another script cannot be compared"),
        pytest.param("", "Marsh^Ada", id="no name"),
        pytest.param("^^", "Marsh^Ada", id="a name of nothing"),
    ],
)
def test_ways_to_write_one_name_fit(ours: str, theirs: str) -> None:
    assert names_fit(ours, theirs)
    assert names_fit(theirs, ours)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param("Marsh^Ada", "Hill^Ada", id="another family name"),
        pytest.param("Marsh^Ada", "Marsh^Bob", id="another given name, as of a twin"),
        pytest.param("Marsh^B", "Marsh^Ada", id="another initial"),
        pytest.param("von Marsh^Ada", "von Hill^Ada", id="only a particle in common"),
        pytest.param("Ada Marsh", "Marsh^Bob", id="all in one part"),
        pytest.param("Yamada^Tarou=山田^太郎", "鈴木^花子", id="another name in the script of both"),
        pytest.param("Dr. Marsh^Ada", "Dr. Hill^Bob", id="only a title in common"),
    ],
)
def test_different_names_do_not_fit(ours: str, theirs: str) -> None:
    assert not names_fit(ours, theirs)
    assert not names_fit(theirs, ours)


@pytest.mark.parametrize(
    ("ours", "theirs", "fit"),
    [("19610704", "1961", True), ("", "1961", True), ("19610704", "19610705", False), ("1961", "1962", False)],
)
def test_birth_dates_fit_as_far_as_both_are_known(ours: str, theirs: str, *, fit: bool) -> None:
    assert birth_dates_fit(ours, theirs) == fit


@pytest.mark.parametrize(("ours", "theirs", "fit"), [("F", "M", False), ("F", "O", True), ("F", "", True)])
def test_only_female_and_male_are_sure_to_differ(ours: str, theirs: str, *, fit: bool) -> None:
    assert sexes_fit(ours, theirs) == fit
