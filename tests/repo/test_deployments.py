"""prefect.yaml: every entrypoint is a module path that loads, and the rules that keep what people switched off."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAP = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = MAP["deployments"]
IDS = [deployment["name"] for deployment in DEPLOYMENTS]


BY_A_PERSON = ("refunds-approval",)
"""Run from the form only: what a person decides has no schedule and no default."""
SEVERAL_AT_ONCE = ("refunds", "refunds-approval")
"""What they share is claimed row by row, and every label's money has one key."""


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=IDS)
def test_the_entrypoint_loads_as_a_real_flow(deployment: dict[str, Any]) -> None:
    """`prefect deploy` also takes what cannot be imported: it reads the syntax tree instead."""
    from prefect.flows import Flow, load_flow_from_entrypoint

    flow: Any = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    assert isinstance(flow, Flow)
    assert flow.name == deployment["name"]
    assert flow.isasync


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=IDS)
def test_the_entrypoint_is_a_module_path_of_the_flows(deployment: dict[str, Any]) -> None:
    assert re.fullmatch(r"flows(\.[a-z_]+){2}", deployment["entrypoint"])


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=IDS)
def test_every_parameter_has_a_type_a_default_and_a_description(deployment: dict[str, Any]) -> None:
    from prefect.flows import load_flow_from_entrypoint

    schema = load_flow_from_entrypoint(deployment["entrypoint"]).parameters.model_dump()
    for name, field in schema["properties"].items():
        assert field.get("description"), name
        assert "default" in field or deployment["name"] in BY_A_PERSON, name
        assert "type" in field or "anyOf" in field or "$ref" in field or "allOf" in field, name
    assert schema.get("required", []) == [] or deployment["name"] in BY_A_PERSON


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=IDS)
def test_what_a_schedule_passes_is_a_parameter_of_the_flow(deployment: dict[str, Any]) -> None:
    from prefect.flows import load_flow_from_entrypoint

    known = load_flow_from_entrypoint(deployment["entrypoint"]).parameters.model_dump()["properties"]
    passed = {name for schedule in deployment["schedules"] for name in schedule.get("parameters", {})}
    assert passed | set(deployment["parameters"]) <= set(known)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=IDS)
def test_a_schedule_that_was_switched_off_stays_off(deployment: dict[str, Any]) -> None:
    """Applying again keeps it only where the schedule has a slug and the file does not say `active`."""
    assert bool(deployment["schedules"]) != (deployment["name"] in BY_A_PERSON)
    for schedule in deployment["schedules"]:
        assert re.fullmatch(r"[a-z-]+", schedule["slug"])
        assert "active" not in schedule
        assert schedule["timezone"] == "{{ $RECOUP_SHOP__TIME_ZONE }}"
    assert "paused" not in deployment


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=IDS)
def test_one_run_at_a_time(deployment: dict[str, Any]) -> None:
    assert (deployment["concurrency_limit"]["limit"] == 1) != (deployment["name"] in SEVERAL_AT_ONCE)
    assert deployment["concurrency_limit"]["collision_strategy"] in ("ENQUEUE", "CANCEL_NEW")
    assert deployment["enforce_parameter_schema"] is True


def test_the_schedules_are_the_documented_ones() -> None:
    crons = {
        f"{deployment['name']}/{schedule['slug']}": schedule["cron"]
        for deployment in DEPLOYMENTS
        for schedule in deployment["schedules"]
    }
    assert crons == {
        "dunning/daily": "0 9 * * *",
        "dunning/quiet-hours": "0 10-20 * * *",
        "dunning-follow-up/weekdays": "0 10 * * 1-5",
        "reconcile/every-ten-minutes": "*/10 * * * *",
        "refunds/every-minute": "* * * * *",
        "refunds-exposure/daily": "0 6 * * *",
        "refunds-reconcile/nightly": "30 2 * * *",
    }
