"""Cases in the database: inserted once whoever comes first, and no person's data in what the database complains of."""

import threading
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from store import cases
from store.db import transaction
from store.tables import cases as case_table
from store.tables import people
from tests.conftest import Database


def row(table: Any, **known: Any) -> dict[str, Any]:
    """A row with nothing but what is known."""
    return {column.name: "" if column.type.python_type is str else 0 for column in table.c} | known


def test_an_error_of_the_database_quotes_no_personal_data(engine: Engine) -> None:
    person = row(people, id="cus_1", name="Ana Lopez", email="ana@example.com")
    with pytest.raises(IntegrityError) as refused, transaction(engine) as connection:
        connection.execute(insert(people), [person, person])
    assert "Ana Lopez" not in str(refused.value)
    assert "ana@example.com" not in str(refused.value)


def test_two_runs_that_open_the_same_case_at_once_both_go_on_and_it_stands_once(
    postgresql_database: Database,
) -> None:
    engine, opened = postgresql_database.app, list[list[str]]()

    def other() -> None:
        with transaction(engine) as connection:
            opened.append(cases.insert_cases(connection, [row(case_table, id="in_1"), row(case_table, id="in_2")]))

    with transaction(engine) as connection:
        cases.insert_cases(connection, [row(case_table, id="in_1")])
        beside = threading.Thread(target=other)
        beside.start()
        beside.join(0.5)
        assert beside.is_alive(), "it waits for our commit"
    beside.join(10)
    with transaction(engine) as connection:
        assert sorted(cases.by_id(connection, ["in_1", "in_2"])) == ["in_1", "in_2"]
    assert len(opened) == 1, "the other one did not fail"
