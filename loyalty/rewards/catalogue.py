"""The rewards of the programme version that holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from loyalty.programme.document import AmountOff, FreeShipping
from loyalty.programme.versions import VersionFacts, version_at
from loyalty.refusals import Refusal

Reward = AmountOff | FreeShipping


class RewardNotAvailable(Refusal):
    """The programme that holds now has no such reward."""

    code = "REWARD_NOT_AVAILABLE"

    def __init__(self, *, reward_id: str) -> None:
        super().__init__(reward_id=reward_id)


@dataclass(frozen=True, slots=True)
class RewardInReach:
    """A reward a balance can pay for, and what would be left of it, in the unit's smallest part."""

    reward: Reward
    balance_after_points: int


async def rewards(programme: str, *, limit: int, after: str | None = None, now: datetime) -> list[Reward]:
    """Return at most `limit` rewards that can be had now, in the document's order, after the reward with the id
    `after`; none where that one is no longer among them.

    Raises:
        NotFound: there is no such programme.
    """
    version = await version_at(programme, now)
    return rewards_of(version, limit=limit, after=after)


async def rewards_count(programme: str, *, now: datetime) -> int:
    """Return how many rewards can be had now.

    Raises:
        NotFound: there is no such programme.
    """
    return len((await version_at(programme, now)).document.rewards)


def rewards_of(version: VersionFacts, *, limit: int, after: str | None = None) -> list[Reward]:
    """Return at most `limit` rewards of a version, in the document's order, after the reward with the id `after`."""
    offered = version.document.rewards
    if after is None:
        return list(offered[:limit])
    place = next((place for place, reward in enumerate(offered, start=1) if reward.id == after), len(offered))
    return list(offered[place : place + limit])


def reward_of(version: VersionFacts, reward_id: str) -> Reward:
    """Return the reward with this id.

    Raises:
        RewardNotAvailable: the version has none.
    """
    reward = version.document.reward(reward_id)
    if reward is None:
        raise RewardNotAvailable(reward_id=reward_id[:100])
    return reward


def in_reach(version: VersionFacts, balance_points: Mapping[str, int]) -> tuple[RewardInReach, ...]:
    """Return the rewards that these balances (by unit) can pay for, in the document's order."""
    return tuple(
        RewardInReach(reward, left)
        for reward in version.document.rewards
        if (left := balance_points.get(reward.unit, 0) - reward.points) >= 0
    )
