"""The storefront's schema: one customer, or the public."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from typing import Annotated

import strawberry

from schema import identifiers
from schema.caller import Surroundings
from schema.context import Info
from schema.execution import GuardedSchema
from schema.guard import PUBLIC
from schema.identifiers import Node
from schema.ledger import Entry
from schema.rewards import Entitlement
from schema.storefront.live import BalanceSubscription
from schema.storefront.member import (
    Member,
    MemberMutation,
    MemberQuery,
    member_node,
    own_entitlement_node,
    own_entry_node,
)
from schema.storefront.programme import ProgrammeQuery
from schema.storefront.purchases import PurchasesMutation, PurchasesQuery
from schema.storefront.rewards import RewardsMutation, RewardsQuery
from schema.storefront.sign_in import SignInMutation

NODES: dict[str, identifiers.Fetch] = {
    "Member": member_node,
    "Entry": own_entry_node,
    "Entitlement": own_entitlement_node,
}
"""What `node` can fetch; each checks whose it is."""


@strawberry.type(description="What can be asked.")
class Query(ProgrammeQuery, RewardsQuery, PurchasesQuery, MemberQuery):
    """All questions of the storefront."""

    @strawberry.field(description="Something of one's own by its id; null where there is none.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Node | None:
        """Fetch by id."""
        return await identifiers.node(NODES, info, id)

    @strawberry.field(description="As `node`, for up to 100 ids, in their order.")
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids.")]
    ) -> list[Node | None]:
        """Fetch by ids."""
        return await identifiers.nodes(NODES, info, ids)


@strawberry.type(description="What can be done.")
class Mutation(MemberMutation, RewardsMutation, PurchasesMutation, SignInMutation):
    """All mutations of the storefront."""


@strawberry.type(description="What can be watched.")
class Subscription(BalanceSubscription):
    """All subscriptions of the storefront."""


class StorefrontSchema(GuardedSchema):
    """The schema, given what it needs of its surroundings."""

    def __init__(self, given: Surroundings | None = None) -> None:
        super().__init__(Query, Mutation, Subscription, limits=PUBLIC, types=[Member, Entry, Entitlement])
        self.given = given or Surroundings()
