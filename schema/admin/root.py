"""The admin schema: staff and servers."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from typing import Annotated
from uuid import UUID

import strawberry

from loyalty.access import Permission, require
from schema import identifiers
from schema.admin.audit import AuditQuery
from schema.admin.customers import Customer, CustomersQuery, customer_node
from schema.admin.jobs import JobsQuery
from schema.admin.ledger import LedgerMutation, LedgerQuery, adjustment_node
from schema.admin.membership import MembershipMutation
from schema.admin.orders import Order, OrdersQuery, order_node
from schema.admin.recording import RecordingMutation
from schema.admin.rewards import RewardsMutation, RewardsQuery
from schema.admin.staff import StaffMutation, StaffQuery, staff_node
from schema.caller import Surroundings
from schema.context import Info
from schema.execution import GuardedSchema
from schema.guard import STAFF
from schema.identifiers import Node
from schema.ledger import Entry, entry_shown
from schema.rewards import Entitlement, held_reward


async def _entry_node(info: Info, entry_id: UUID) -> Entry | None:
    require(info.context.actor, Permission.LEDGER_READ)
    return await entry_shown(info.context, entry_id)


async def _entitlement_node(info: Info, entitlement_id: UUID) -> Entitlement | None:
    require(info.context.actor, Permission.REWARDS_READ)
    held = await held_reward(info.context, entitlement_id)
    return Entitlement.of(held, info.context.language) if held else None


NODES: dict[str, identifiers.Fetch] = {
    "Customer": customer_node,
    "Order": order_node,
    "Entry": _entry_node,
    "Entitlement": _entitlement_node,
    "Adjustment": adjustment_node,
    "StaffMember": staff_node,
}
"""What `node` can fetch; each asks whether the caller may read it."""


@strawberry.type(description="What can be asked.")
class Query(CustomersQuery, OrdersQuery, LedgerQuery, RewardsQuery, StaffQuery, AuditQuery, JobsQuery):
    """All questions of the admin schema."""

    @strawberry.field(description="Something by its id; null where there is none.")
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
class Mutation(RecordingMutation, MembershipMutation, LedgerMutation, RewardsMutation, StaffMutation):
    """All mutations of the admin schema."""


class AdminSchema(GuardedSchema):
    """The schema, given what it needs of its surroundings."""

    def __init__(self, given: Surroundings | None = None) -> None:
        super().__init__(Query, Mutation, limits=STAFF, types=[Customer, Order, Entry, Entitlement])
        self.given = given or Surroundings()
