"""Identifiers made by the application."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from loyalty.identity import new_id, new_ids


def test_an_id_is_the_example_of_the_standard_but_for_its_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 9562, appendix A.6: 2022-02-22 14:22:22.00 -05:00, rand_a 0xCC3, rand_b 0b01 and 0x8C4DC0C0C07398F.
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    drawn = 0xCC3 << 68 | 0b01 << 60 | 0x8C4DC0C0C07398F
    monkeypatch.setattr("os.urandom", lambda count: drawn.to_bytes(count, "big"))

    assert new_id(moment) == uuid.UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


def test_an_id_is_a_uuid_of_version_seven_that_tells_its_millisecond() -> None:
    moment = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)

    made = new_id(moment)

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(moment.timestamp() * 1000)


def test_ids_of_later_moments_stand_behind() -> None:
    start = datetime(2026, 3, 2, 12, tzinfo=UTC)

    made = [new_id(start + timedelta(milliseconds=n)) for n in range(1_000)]

    assert made == sorted(made)


def test_ids_of_one_moment_do_not_collide() -> None:
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)

    assert len({new_id(moment) for _ in range(5_000)} | set(new_ids(moment, 5_000))) == 10_000


def test_the_first_moment_there_is_has_an_id() -> None:
    assert new_id(datetime(1970, 1, 1, tzinfo=UTC)).int >> 80 == 0
