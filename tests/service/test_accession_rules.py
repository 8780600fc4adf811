"""Accession numbers that two systems write differently, and what a change of the rules about them does."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select
from typer.testing import CliRunner

from config.rule_settings import AccessionRule, DropPrefix, RuleSettings
from config.settings import Settings
from service.accession_keys import accession_key
from service.accession_rules import apply_rules
from service.cli import load_commands
from service.listening import Listening
from service.log import configure_log
from service.store.database import reading
from service.store.tables import OrderNumber, Pairing, Report, Study
from tests.service.messages import group, oru, receive
from tests.service.rows import NOW
from tests.service.test_candidates import add_study

RULES: tuple[AccessionRule, ...] = (
    "ignore_case",
    "ignore_blanks",
    DropPrefix(drop_prefix="rad-"),
    "ignore_leading_zeros",
)


@pytest.mark.parametrize(
    ("number", "key"),
    [("RAD-00 12a", "12a"), ("12A", "12a"), (" 12 A", "12a"), ("000", "000"), ("rad-", "rad-"), ("", "")],
)
def test_rules_are_done_in_their_order_and_never_leave_nothing(number: str, key: str) -> None:
    assert accession_key(number, RULES) == key


def test_without_rules_a_number_is_compared_as_it_came() -> None:
    assert accession_key("RAD-00 12a", ()) == "RAD-00 12a"


def unpaired(engine: Engine, folder: Path) -> None:
    add_study(engine, "RAD-0012")
    listening = Listening(engine, Settings(data=folder), configure_log("listen"))
    receive(listening, oru("1", group("Stenosis.", obr18="12", obr25="F"), patient="other"))
    receive(listening, oru("2", group("Stenosis.", obr18="77", obr25="F"), patient="other"))


def test_a_change_of_rules_pairs_what_is_stored_and_keeps_what_was_received(engine: Engine, tmp_path: Path) -> None:
    unpaired(engine, tmp_path)
    settings = Settings(data=tmp_path, rules=RuleSettings(accession=RULES))

    assert apply_rules(engine, settings, NOW) == 1

    with reading(engine) as session:
        assert [(each.report_id, each.how) for each in session.exec(select(Pairing))] == [(1, "accession number")]
        study = session.exec(select(Study)).one()
        assert (study.accession, study.accession_key) == ("RAD-0012", "12")
        assert set(session.exec(select(OrderNumber.number))) == {"12", "77"}
    assert apply_rules(engine, settings, NOW) == 0
    assert apply_rules(engine, Settings(data=tmp_path), NOW) == 1  # and back


def test_a_report_that_comes_under_the_rules_pairs_at_once(engine: Engine, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, rules=RuleSettings(accession=RULES))
    add_study(engine, "RAD-0012")
    apply_rules(engine, settings, NOW)

    receive(Listening(engine, settings, configure_log("listen")), oru("1", group("Stenosis.", obr18="0012", obr25="F")))

    with reading(engine) as session:
        assert session.exec(select(Pairing.how)).one() == "accession number"
        assert session.get_one(Report, 1).accession == "0012"


def test_a_preview_shows_what_rules_would_change_and_pair_and_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    unpaired(engine, tmp_path)
    add_study(engine, "rad-12", patient="5")
    config = tmp_path / "site.yaml"
    config.write_text(
        f"data: {tmp_path}\nrules:\n  accession: [ignore_case, {{drop_prefix: rad-}}, ignore_leading_zeros]\n"
    )

    done = CliRunner().invoke(load_commands(), ["pair", "--preview", "--json", "--config", str(config)])

    assert json.loads(done.stdout) == {
        "looked_at": 4,
        "changes": {"RAD-0012": "12", "rad-12": "12"},
        "collisions": {"12": ["RAD-0012", "rad-12"]},
        "pairs": {"1": ["RAD-0012", "rad-12"]},
    }
    with reading(engine) as session:
        assert session.exec(select(Pairing)).all() == []


def test_a_preview_of_a_file_needs_no_store(tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("007\n7\nA1\n")
    config = tmp_path / "site.yaml"
    config.write_text(f"data: {tmp_path / 'none'}\nrules: {{accession: [ignore_leading_zeros]}}\n")

    command = ["pair", "--preview", "--file", str(tmp_path / "numbers.txt"), "--config", str(config)]
    done = CliRunner().invoke(load_commands(), command)

    assert "007 is compared as 7" in done.stdout
    assert "1 are then alike" in done.stdout
    assert not (tmp_path / "none").exists()
