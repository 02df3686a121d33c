"""Places of events, as texts."""

from __future__ import annotations

import pytest

from yilian.gateway.index import Place


@pytest.mark.parametrize("text", ["0.t.0", "1.0.0", "12.t.3", "9999999999999999.999999999.0"])
def test_a_place_has_one_spelling(text: str) -> None:
    """What is read is written the same."""
    assert str(Place.read(text)) == text


def test_timers_come_before_transactions() -> None:
    """Order of places is order of time."""
    texts = ["1.0.0", "1.t.1", "2.t.0", "1.0.1", "1.t.0", "1.10.0", "1.9.0"]
    ordered = [str(each) for each in sorted(map(Place.read, texts))]
    assert ordered == ["1.t.0", "1.t.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0", "2.t.0"]


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "1.2.3.4", "01.0.0", "-1.0.0", "1.T.0", "1.-1.0", "1.0.", "1.0.0 ", "١.0.0",
     "1.0.99999999999", "99999999999999999.0.0", "1.0.0\n"],
)  # fmt: skip
def test_nothing_else_is_a_place(text: str) -> None:
    """A place that is not spelt so is refused."""
    with pytest.raises(ValueError, match=r"^"):
        Place.read(text)
