"""What the tests of the carrier feeds share: the instant, one parcel, what a feed says, and JSON of any kind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from hypothesis import strategies as st

from domain.news import News, Nothing
from domain.scans import Scan

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
NUMBER = "9400136895232000000017"

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@contextmanager
def control(address: str, vendor: str) -> Iterator["Feed"]:
    """The control side of one pretended feed, emptied."""
    with httpx.Client(base_url=address, verify=False) as http:
        found = Feed(http, vendor)
        found.post("reset", {})
        yield found


class Feed:
    """The control paths of a pretended feed."""

    def __init__(self, http: httpx.Client, vendor: str) -> None:
        self.http, self.vendor = http, vendor

    def post(self, name: str, body: Any) -> Any:
        """Post to a control path."""
        answer = self.http.post(f"/_sandbox/{self.vendor}/{name}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def parcels(self, *wanted: dict[str, Any]) -> None:
        """Seed parcels; what a test does not say is NUMBER with a label of the day before."""
        usual = {"tracking": NUMBER, "label_at": "2026-11-19T15:00:00Z"}
        self.post("seed", {"parcels": [{**usual, **item} for item in wanted]})

    def act(self, do: str, tracking: str = NUMBER, **more: Any) -> None:
        """Have a carrier do something."""
        self.post("act", {"tracking": tracking, "do": do, **more})

    def get(self, name: str) -> Any:
        """Read a control path."""
        return self.http.get(f"/_sandbox/{self.vendor}/{name}").json()


def meanings(told: tuple[News, ...] | tuple[Scan, ...]) -> list[str]:
    """What scans mean, in order; what is no scan is left out."""
    return [item.meaning for item in told if isinstance(item, Scan)]


def nothing(told: tuple[News, ...]) -> str:
    """Why nothing is told."""
    (item,) = told
    assert isinstance(item, Nothing)
    return item.why


def damaged(sound: Any) -> st.SearchStrategy[Any]:
    """The JSON with one to three of its values, however deep, replaced by any JSON."""

    def put(where: tuple[tuple[Any, ...], ...], values: list[Any]) -> Any:
        made = json.loads(json.dumps(sound))
        for path, value in zip(where, values, strict=True):
            node = made
            try:
                for part in path[:-1]:
                    node = node[part]
                node[path[-1]] = value
            except (TypeError, KeyError, IndexError):
                pass  # An earlier damage took this place away.
        return made

    paths = list(_paths(sound, ()))
    chosen = st.lists(st.sampled_from(paths), min_size=1, max_size=3)
    return chosen.flatmap(
        lambda where: st.lists(ANY_JSON, min_size=len(where), max_size=len(where)).map(
            lambda values: put(tuple(where), values)
        )
    )


def _paths(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for part, value in inside:
        yield (*path, part)
        yield from _paths(value, (*path, part))
