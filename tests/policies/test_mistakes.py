"""Every mistake a support lead may make is told with its file, its line and how to mend it, and all at once."""

import pytest

from policies.findings import PolicyErrors
from policies.load import inspect, load_dunning
from tests.policies.conftest import Pages


def told(pages: Pages) -> list[str]:
    """What `recoup policy list` says of the files."""
    return [str(finding) for finding in inspect(pages.folder)[1]]


MISTAKES = [
    ("dunning.toml", "hand_over_day = 12", "hand_over_dya = 12", "did you mean hand_over_day?"),
    ("dunning.toml", "give_up_day = 28", 'give_up_day = "28"', 'is the text "28", must be a whole number'),
    ("dunning.toml", "give_up_day = 28", "give_up_day = 28.0", "is the number 28.0"),
    ("dunning.toml", "give_up_day = 28", "give_up_day = true", "is true, must be a whole number"),
    ("dunning.toml", "give_up_day = 28", "give_up_day = 90", "is 90, must be from 2 to 60"),
    ("dunning.toml", '"close_old"  #', '"close_odl"  #', "did you mean close_old?"),
    ("dunning.toml", "days = [2, 5, 8, 10]", "days = [2, 8, 5, 10]", "each once, in ascending order"),
    ("dunning.toml", "days = [2, 5, 8, 10]", "days = [2, 5, 8, 12]", "later charges go under [beneath]"),
    ("dunning.toml", "days = [2, 5, 8, 10]", "days = [2, 3, 8, 10]", "want 2 days between"),
    ("dunning.toml", "days = [13, 16, 18]", "days = [11, 16, 18]", "between hand_over_day 12"),
    ("dunning.toml", "give_up_day = 28", "give_up_day = 15", "comes before the last follow-up"),
    ("dunning.toml", "max_charges = 10", "max_charges = 3", "the renewal and its ladder need 6"),
    ("dunning.toml", 'name = "mail-4"\nday = 11', 'name = "mail-4"\nday = 12', "on only support writes"),
    ("dunning.toml", 'name = "mail-4"\nday = 11', 'name = "mail-4"\nday = 10', "it would be held; day 11"),
    ("dunning.toml", 'message = "dunning_soft_2"', 'message = "dunning_sotf_2"', "did you mean dunning_soft_2?"),
    ("dunning.toml", 'message = "dunning_sms"', 'message = "dunning_soft_1"', "is no sms in messages.toml"),
    ("dunning.toml", '["tom", "maya", "ines"]', '["tomm", "maya", "ines"]', "did you mean tom?"),
    ("dunning.toml", '["tom", "maya", "ines"]', '["jonas", "priya"]', "names nobody who consented"),
    ("dunning.toml", "USD = 50", "usd = 50", "is no currency"),
    ("dunning.toml", "[budget.default]", "[budget.other]", "add [budget.default]"),
    ("dunning.toml", 'name = "mail-2"', 'name = "mail-1"', "is there twice"),
    ("dunning.toml", "[holdout]", "[hold out]", "cannot be read"),
    ("senders.toml", 'email = "tom@shop.example"', 'email = "tom"', "that is no address"),
    ("senders.toml", "consent_on = 2025-11-10", 'consent_on = "soon"', "write it as 2026-06-30"),
    ("senders.toml", "[[2026-12-24, 2027-01-02]]", "[[2027-01-02, 2026-12-24]]", "first day first"),
    (
        "declines.toml",
        'treatment = "soon"\nwait_hours = 1',
        'treatment = "son"\nwait_hours = 1',
        "did you mean soon?",
    ),
    ("declines.toml", 'codes = ["expired_card"]', 'codes = ["lost_card"]', "is already in C-12"),
    ("declines.toml", 'id = "C-31"', 'id = "C-30"', "is there twice"),
    (
        "declines.toml",
        'final = true\nreason = "the bank wants',
        'finale = true\nreason = "the bank wants',
        "did you mean final?",
    ),
    ("declines.toml", 'codes = ["12", "15", "57"]', "codes = [12]", "must hold texts in quotes"),
    ("costs.toml", 'channel = "sms"', 'channel = "text"', "did you mean ticket?"),
    ("quiet_hours.toml", '"10:00-18:00"', '"10-18"', 'like "10:00-18:00"'),
    ("area_codes.toml", '["Pacific/Honolulu"]', '["Pacific/Hawaii"]', "which is no time zone"),
    ("area_codes.toml", '["907"]', '["90"]', "three digits in quotes"),
    ("area_codes.toml", '["907"]', '["205"]', "a second time"),
]
"""(file, what stands there, what is written instead, what is told)."""


@pytest.mark.parametrize(("file", "old", "new", "said"), MISTAKES, ids=[each[2] for each in MISTAKES])
def test_a_mistake_is_named_by_file_line_and_remedy(pages: Pages, file: str, old: str, new: str, said: str) -> None:
    first, last = pages.change(file, old, new)
    findings = [one for one in inspect(pages.folder)[1] if said in str(one)]
    assert findings, told(pages)
    assert all(one.file == file for one in findings)
    table_header = 6
    assert first - table_header <= findings[0].line <= last, str(findings[0])


def test_a_line_is_the_one_the_key_stands_on(pages: Pages) -> None:
    pages.change("dunning.toml", "pending_days = 3", "pending_days = 0")
    pages.change("dunning.toml", "per_30_days = 35", "per_30_days = 99")
    lines = [(one.line, one.key) for one in inspect(pages.folder)[1]]
    assert lines == [
        (pages.line_of("dunning.toml", "pending_days"), "window.pending_days"),
        (pages.line_of("dunning.toml", "per_30_days = 99"), "budget.mastercard.per_30_days"),
    ]


def test_all_mistakes_of_all_files_are_told_at_once(pages: Pages) -> None:
    pages.change("dunning.toml", "give_up_day = 28", "give_up_day = 0")
    pages.change("dunning.toml", "max_charges = 10", 'max_charges = "ten"')
    pages.change("senders.toml", 'email = "tom@shop.example"', "email = 3")
    pages.change("costs.toml", "from = 2025-01-01", 'from = "yesterday"')
    files = [finding.split(":")[0] for finding in told(pages)]
    assert {name: files.count(name) for name in files} == {"senders.toml": 2, "dunning.toml": 2, "costs.toml": 2}


def test_a_wrong_number_is_one_finding_and_not_one_for_each_check_of_it(pages: Pages) -> None:
    pages.change("dunning.toml", "hand_over_day = 12", "hand_over_day = 0")
    assert len(told(pages)) == 1


@pytest.mark.parametrize("file", ["dunning.toml", "declines.toml", "senders.toml", "messages.toml"])
def test_a_missing_file_is_named_and_refused(pages: Pages, file: str) -> None:
    (pages.folder / file).unlink()
    assert f"{file}: is missing → restore it: git checkout policies/{file}" in told(pages)
    with pytest.raises(PolicyErrors, match=f"{file}: is missing"):
        load_dunning(pages.folder)


def test_a_file_with_a_byte_order_mark_is_read_and_one_in_latin_1_refused(pages: Pages) -> None:
    path = pages.folder / "costs.toml"
    text = path.read_text(encoding="utf-8")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert told(pages) == []
    path.write_bytes((text + "# Müller\n").encode("latin-1"))
    assert told(pages)[0] == "costs.toml: is not UTF-8 text → save it again as UTF-8"
