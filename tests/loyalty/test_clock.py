"""The only file that asks the time."""

from datetime import UTC, datetime, timedelta

from loyalty.clock import Clock, FixedClock, SystemClock


def test_the_clock_of_the_machine_tells_the_time_in_utc_and_goes_on() -> None:
    clock: Clock = SystemClock()

    first, second = clock.now(), clock.now()

    assert first.tzinfo is UTC
    assert first <= second < first + timedelta(seconds=5)


def test_a_fixed_clock_stands_still_until_it_is_moved(now: datetime) -> None:
    clock: Clock = FixedClock(now)
    assert clock.now() == clock.now() == now

    assert isinstance(clock, FixedClock)
    clock.advance(timedelta(days=1, microseconds=1))

    assert clock.now() == now + timedelta(days=1, microseconds=1)
