"""What can be had for units."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from loyalty.programme.versions import VersionFacts, publish
from loyalty.rewards.catalogue import RewardNotAvailable, in_reach, reward_of, rewards, rewards_count, rewards_of
from tests.support.programme import TESTS, a_document, a_programme, a_reward

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
REWARDS = [a_reward(id=f"reward-{number}", points=100 * number) for number in range(1, 6)]
VERSION = VersionFacts(uuid4(), "club", 1, LONG_AGO, a_programme(rewards=REWARDS), LONG_AGO, "system:tests")


def test_rewards_are_told_in_the_documents_order_page_by_page() -> None:
    first = rewards_of(VERSION, limit=2)
    rest = rewards_of(VERSION, limit=10, after=first[-1].id)

    assert [reward.id for reward in first] == ["reward-1", "reward-2"]
    assert [reward.id for reward in rest] == ["reward-3", "reward-4", "reward-5"]


def test_after_a_reward_that_is_gone_there_is_nothing() -> None:
    assert rewards_of(VERSION, limit=10, after="gone") == []


def test_a_reward_of_another_version_is_not_available() -> None:
    with pytest.raises(RewardNotAvailable) as refusal:
        reward_of(VERSION, "gone")

    assert refusal.value.facts == {"reward_id": "gone"}


def test_in_reach_is_what_the_balance_can_pay_for_with_what_would_be_left() -> None:
    reach = [(one.reward.id, one.balance_after_points) for one in in_reach(VERSION, {"points": 250})]

    assert reach == [("reward-1", 150), ("reward-2", 50)]


def test_a_balance_in_another_unit_reaches_nothing() -> None:
    assert in_reach(VERSION, {"stars": 9_999}) == ()


@pytest.mark.usefixtures("database")
async def test_only_the_rewards_of_the_version_that_holds_are_offered(now: datetime) -> None:
    await publish(TESTS, "club", a_document(), effective_at=LONG_AGO, now=now)
    await publish(TESTS, "club", a_document(rewards=REWARDS), effective_at=datetime(2027, 1, 1, tzinfo=UTC), now=now)

    offered = await rewards("club", limit=10, now=now)

    assert [reward.id for reward in offered] == ["free-shipping"]
    assert await rewards_count("club", now=now) == 1
    assert await rewards_count("club", now=datetime(2027, 1, 1, tzinfo=UTC)) == 5
