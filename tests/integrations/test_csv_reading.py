"""Reading CSV files as people really export them: nothing guessed, nothing lost, every line number true."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from integrations.csv_reading import UnreadableFile, read_id, read_sheet
from integrations.csv_values import (
    date_order,
    read_amount,
    read_currency,
    read_instant,
    read_mail,
    read_minor,
    read_phone,
)

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def rows(text: str | bytes) -> list[tuple[int, list[str]]]:
    """(line, values) of each good record."""
    sheet = read_sheet(text.encode() if isinstance(text, str) else text)
    return [(record.line, list(record.values.values())) for record in sheet.records]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_marks_line_ends_and_delimiters_are_taken_as_they_come(end: str, mark: bytes, delimiter: str) -> None:
    text = end.join([delimiter.join(["id", "name"]), delimiter.join(["1", "Bo"]), delimiter.join(["2", "Ålø"]), ""])
    sheet = read_sheet(mark + text.encode())
    assert sheet.columns == ("id", "name")
    assert [dict(record.values) for record in sheet.records] == [{"id": "1", "name": "Bo"}, {"id": "2", "name": "Ålø"}]
    assert [record.line for record in sheet.records] == [2, 3]


def test_lines_are_counted_as_an_editor_does_over_quoted_breaks_and_blank_lines() -> None:
    text = 'id,note\n1,"two\nlines"\n\n2,"a\r\nb\r\nc"\n3,x\n'
    assert rows(text) == [(2, ["1", "two\nlines"]), (5, ["2", "a\r\nb\r\nc"]), (8, ["3", "x"])]


def test_na_is_text_zeros_stay_and_quotes_and_delimiters_inside_a_value_too() -> None:
    text = 'id,country,zip,note\n0012,NA,01012,"a, ""b"""\n'
    assert rows(text) == [(2, ["0012", "NA", "01012", 'a, "b"'])]


def test_a_semicolon_file_with_commas_in_its_values_is_told_apart() -> None:
    assert rows("id;amount\n1;49,90\n") == [(2, ["1", "49,90"])]


def test_ragged_rows_are_bad_and_the_rest_is_read() -> None:
    sheet = read_sheet(b"a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,3,,\n4,5,6\n")
    assert [record.line for record in sheet.records] == [2, 5, 6]
    assert [(bad.line, bad.reason, bad.raw) for bad in sheet.bad] == [
        (3, "has 2 values for 3 columns", "1,2"),
        (4, "has 4 values for 3 columns", "1,2,3,4"),
    ]


def test_a_quote_in_the_wrong_place_costs_one_row() -> None:
    sheet = read_sheet(b'a,b\n"x"y,1\n2,3\n')
    assert [(bad.line, bad.raw) for bad in sheet.bad] == [(2, '"x"y,1')]
    assert "a quote inside a value is written twice" in sheet.bad[0].reason
    assert [record.line for record in sheet.records] == [3]


def test_a_quote_that_is_never_closed_is_told_at_its_own_line() -> None:
    sheet = read_sheet(b'a,b\n1,2\n3,"4\n5,6\n')
    assert [record.line for record in sheet.records] == [2]
    assert [(bad.line, bad.raw) for bad in sheet.bad] == [(3, '3,"4\n5,6')]
    assert "never closed" in sheet.bad[0].reason


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"\n \n\n", "the file is empty"),
        ("id,name\n1,Müller\n".encode("latin-1"), "line 2 is not UTF-8 text"),
        ("id,name\n".encode("utf-16"), "UTF-16; save it as CSV UTF-8"),
        (b"PK\x03\x04rest", "an Excel workbook"),
        (b"id,name\n1,\x00\n", "zero bytes"),
        (b"id,name,id\n1,2,3\n", 'the column "id" is there twice'),
        (b"id\n1\n", "the file has one column"),
        (b"id|name\n1|2\n", "a comma, a semicolon or a tab"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_what_to_do(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said):
        read_sheet(data)


def test_a_file_of_a_header_only_has_no_records() -> None:
    assert rows("id,name\n") == []


CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL, CELL).filter(any), max_size=20))
def test_what_was_written_is_read_back(cells: list[tuple[str, str, str]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace('"', '""') + '"'

    text = "a,b,c\n" + "".join(",".join(map(quoted, row)) + "\r\n" for row in cells)
    assert [values for _, values in rows(text)] == [list(row) for row in cells]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        sheet = read_sheet(data)
    except UnreadableFile as error:
        assert str(error)
    else:
        assert len(sheet.columns) > 1


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("17850.0", "17850"),
        ("17850.00", "17850"),
        ("0012", "0012"),
        ("in_1.0", "in_1.0"),
        (" cus_1 ", "cus_1"),
        ("1.5", "1.5"),
    ],
)
def test_an_id_is_text(text: str, read: str) -> None:
    assert read_id(text) == read


@pytest.mark.parametrize("text", ["1.23457E+15", "4,2E+17", "1e5"])
def test_an_id_that_a_spreadsheet_cut_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shortened by a spreadsheet"):
        read_id(text)


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["3/4/2026", "3/25/2026"], "m/d/Y"),
        (["3/4/2026", "25/3/2026"], "d/m/Y"),
        (["3/4/2026", "5/6/2026"], ""),
        (["3/25/2026", "25/3/2026"], ""),
        (["2026-03-25", "", "NA"], ""),
    ],
)
def test_the_order_of_a_date_is_decided_by_the_whole_column(values: list[str], order: str) -> None:
    assert date_order(values) == order


@pytest.mark.parametrize(
    ("text", "order", "read"),
    [
        ("2026-09-15T08:30:00Z", "", datetime(2026, 9, 15, 8, 30, tzinfo=UTC)),
        ("2026-09-15 08:30", "", datetime(2026, 9, 15, 8, 30, tzinfo=UTC)),
        ("2026-09-15 08:30:00 +02:00", "", datetime(2026, 9, 15, 6, 30, tzinfo=UTC)),
        ("2026-09-15 23:30:00.123 UTC", "", datetime(2026, 9, 15, 23, 30, tzinfo=UTC)),
        ("2026-09-15", "", datetime(2026, 9, 15, 12, tzinfo=UTC)),
        ("3/4/2026", "m/d/Y", datetime(2026, 3, 4, 12, tzinfo=UTC)),
        ("3/4/2026", "d/m/Y", datetime(2026, 4, 3, 12, tzinfo=UTC)),
        ("3/25/2026 8:05", "", datetime(2026, 3, 25, 8, 5, tzinfo=UTC)),
        ("25/3/2026", "", datetime(2026, 3, 25, 12, tzinfo=UTC)),
        ("4/4/2026", "", datetime(2026, 4, 4, 12, tzinfo=UTC)),
        ("15.9.2026", "", datetime(2026, 9, 15, 12, tzinfo=UTC)),
        ("2028-02-29", "", datetime(2028, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_a_date_that_reads_one_way_is_read(text: str, order: str, read: datetime) -> None:
    assert read_instant(text, order) == read


@pytest.mark.parametrize(
    ("text", "order", "said"),
    [
        ("3/4/2026", "", "--date-format m/d/Y or d/m/Y"),
        ("3/25/2026", "d/m/Y", "cannot be d/m/Y"),
        ("25/3/2026", "m/d/Y", "cannot be m/d/Y"),
        ("42059.48", "", "a spreadsheet's day number"),
        ("45915", "", "a spreadsheet's day number"),
        ("3/4/26", "m/d/Y", "a year of two digits"),
        ("02-Jun-06", "", "a year of two digits"),
        ("2026-02-29", "", "no day of the calendar"),
        ("13/13/2026", "", "no day of the calendar"),
        ("2026-09-15 25:00", "", "no day of the calendar"),
        ("Date Not Captured", "", "a text of 17 characters that is no date"),
        ("", "", "is empty"),
    ],
)
def test_a_date_that_may_mean_two_days_or_none_is_refused(text: str, order: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_instant(text, order)


@pytest.mark.parametrize(
    ("text", "minor"), [("49.90", 4990), ("49", 4900), ("1,234.50", 123450), ("1,234,567", 123456700)]
)
def test_an_amount_is_read_exactly(text: str, minor: int) -> None:
    assert read_amount(text, "USD") == Money(minor, "USD")


NO_AMOUNTS = ["49,90", "1.234,50", "$49.90", "49.905", "-49.90", "0", "0.00", "", "NA", "4.99E1", "1,23"]


@pytest.mark.parametrize("text", NO_AMOUNTS)
def test_an_amount_that_is_not_plain_or_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an amount|decimal places|nothing to collect|is empty"):
        read_amount(text, "USD")


@pytest.mark.parametrize(("text", "minor"), [("4999", 4999), ("4999.0", 4999)])
def test_minor_units_are_whole(text: str, minor: int) -> None:
    assert read_minor(text, "JPY") == Money(minor, "JPY")


@pytest.mark.parametrize("text", ["49.99", "-1", "0", "", "1e3"])
def test_minor_units_that_are_not_whole_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cents|nothing to collect"):
        read_minor(text, "USD")


def test_a_currency_comes_from_the_row_or_from_what_was_said_for_the_file() -> None:
    assert read_currency("usd", "EUR") == "USD"
    assert read_currency("", "eur") == "EUR"
    with pytest.raises(ValueError, match="--currency USD"):
        read_currency("", "")
    with pytest.raises(ValueError, match="is no currency"):
        read_currency("US$", "EUR")


def test_addresses_are_read_or_refused_without_being_repeated() -> None:
    assert read_mail("bo@example.com") == "bo@example.com"
    assert read_mail("") == ""
    with pytest.raises(ValueError, match="a text of 11 characters") as refused:
        read_mail("bo@@example")
    assert "bo@" not in str(refused.value)
    assert read_phone("+1 (203) 555-0142") == "+12035550142"
    with pytest.raises(ValueError, match="no international number"):
        read_phone("203 555 0142")


def test_a_real_file_with_a_mark_and_prose_in_its_columns_is_read_whole() -> None:
    path = DATA / "scms_delivery" / "SCMS_Delivery_History_Dataset.csv"
    if not path.exists():
        pytest.skip(f"{path.parent} is absent: a real export with a byte order mark and CR LF")
    sheet = read_sheet(path.read_bytes())
    assert (len(sheet.records), len(sheet.columns), sheet.columns[0], sheet.bad) == (10_324, 33, "ID", ())


def test_us_dates_of_a_real_file_are_known_by_their_column_and_not_one_by_one() -> None:
    path = DATA / "olist_5k_excel" / "olist_orders_dataset.csv"
    if not path.exists():
        pytest.skip(f"{path.parent} is absent: a real file after a round trip through a spreadsheet")
    sheet = read_sheet(path.read_bytes())
    values = [record.values["order_purchase_timestamp"] for record in sheet.records]
    assert len(values) == 4_998
    order = date_order(values)
    assert order == "m/d/Y"
    read = [read_instant(value, order) for value in values]
    assert min(read).date().isoformat() == "2016-09-04"
    assert max(read).date().isoformat() <= "2018-09-20"
    refused = 0
    for value in values:
        try:
            read_instant(value, "")
        except ValueError:
            refused += 1
    assert 0.3 < refused / len(values) < 0.45
