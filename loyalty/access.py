"""Who may do what: actors, roles, permissions, and the table of grants.

Edges turn credentials into an `Actor`; every operation's first line is `require(actor, Permission.X)`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from loyalty.refusals import Refusal


class NotPermitted(Refusal):
    """The actor may not do this. `permission` names what would be needed."""

    code = "NOT_PERMITTED"
    stored = False

    def __init__(self, *, permission: str) -> None:
        super().__init__(permission=permission)


class ActorKind(StrEnum):
    PUBLIC = "public"
    CUSTOMER = "customer"
    STAFF = "staff"
    KEY = "key"
    SYSTEM = "system"


class Role(StrEnum):
    """What a member of staff is here for."""

    ADMIN = "admin"
    MARKETER = "marketer"
    SUPPORT = "support"
    ANALYST = "analyst"


class Permission(StrEnum):
    """`<concept>:<verb>`; also the scopes an API key can carry."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    CUSTOMERS_MERGE = "customers:merge"
    ORDERS_READ = "orders:read"
    ORDERS_RECORD = "orders:record"
    LEDGER_READ = "ledger:read"
    LEDGER_ADJUST = "ledger:adjust"
    LEDGER_APPROVE = "ledger:approve"
    LEDGER_POST = "ledger:post"
    REWARDS_READ = "rewards:read"
    REWARDS_REDEEM = "rewards:redeem"
    PROGRAMME_READ = "programme:read"
    PROGRAMME_PUBLISH = "programme:publish"
    STAFF_READ = "staff:read"
    STAFF_MANAGE = "staff:manage"
    KEYS_MANAGE = "keys:manage"
    AUDIT_READ = "audit:read"
    JOBS_READ = "jobs:read"
    JOBS_RUN = "jobs:run"
    SHOPS_MANAGE = "shops:manage"


_READS = frozenset(
    {
        Permission.CUSTOMERS_READ,
        Permission.ORDERS_READ,
        Permission.LEDGER_READ,
        Permission.REWARDS_READ,
        Permission.PROGRAMME_READ,
        Permission.JOBS_READ,
    }
)

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.ANALYST: _READS,
    Role.MARKETER: _READS | {Permission.PROGRAMME_PUBLISH},
    Role.SUPPORT: _READS
    | {
        Permission.CUSTOMERS_WRITE,
        Permission.ORDERS_RECORD,
        Permission.LEDGER_ADJUST,
        Permission.LEDGER_APPROVE,
        Permission.REWARDS_REDEEM,
    },
    Role.ADMIN: frozenset(Permission) - {Permission.LEDGER_POST},
}
"""What each role may do. Nobody but jobs and operations posts to the ledger directly."""

OWN: frozenset[Permission] = frozenset(
    {
        Permission.CUSTOMERS_READ,
        Permission.CUSTOMERS_WRITE,
        Permission.ORDERS_READ,
        Permission.LEDGER_READ,
        Permission.REWARDS_READ,
        Permission.REWARDS_REDEEM,
    }
)
"""What a signed-in customer may do, and only with what is their own."""


@dataclass(frozen=True)
class Actor:
    """Somebody, or something, who acts. `id` is a reference, never a personal value."""

    kind: ActorKind
    id: str
    permissions: frozenset[Permission] = frozenset()
    roles: frozenset[Role] = frozenset()
    customer_id: UUID | None = None
    """The customer this actor is: a signed-in customer, or staff who are customers too."""
    shop_id: UUID | None = None
    """The shop this actor speaks for: a customer's token, a shop key."""
    languages: tuple[str, ...] = field(default=(), compare=False)

    @property
    def reference(self) -> str:
        """Return `kind:id`, the form in which entries and the audit trail name an actor."""
        return f"{self.kind}:{self.id}"

    @classmethod
    def public(cls, *, shop_id: UUID | None = None) -> "Actor":
        """Return the actor nobody in particular is."""
        return cls(ActorKind.PUBLIC, "", shop_id=shop_id)

    @classmethod
    def customer(cls, customer_id: UUID, *, shop_id: UUID | None = None) -> "Actor":
        """Return a signed-in customer."""
        return cls(ActorKind.CUSTOMER, str(customer_id), OWN, customer_id=customer_id, shop_id=shop_id)

    @classmethod
    def staff(cls, staff_id: UUID, *roles: Role, customer_id: UUID | None = None) -> "Actor":
        """Return a member of staff with these roles."""
        granted = frozenset[Permission]().union(*(GRANTS[role] for role in roles))
        return cls(ActorKind.STAFF, str(staff_id), granted, frozenset(roles), customer_id=customer_id)

    @classmethod
    def key(cls, key_id: UUID, scopes: frozenset[Permission], *, shop_id: UUID | None = None) -> "Actor":
        """Return a program that holds an API key with these scopes."""
        return cls(ActorKind.KEY, str(key_id), scopes, shop_id=shop_id)

    @classmethod
    def system(cls, job: str) -> "Actor":
        """Return the named job, which may do anything."""
        return cls(ActorKind.SYSTEM, job, frozenset(Permission))


def require(actor: Actor, permission: Permission, *, of: UUID | None = None) -> None:
    """Let the actor pass, or refuse.

    `of` is the customer whose data is touched. A customer passes only with their own;
    everyone else's permissions hold for all customers.

    Raises:
        NotPermitted: the actor lacks the permission, or is a customer and the data is not theirs.
    """
    if permission not in actor.permissions:
        raise NotPermitted(permission=permission)
    if actor.kind is ActorKind.CUSTOMER and (of is None or of != actor.customer_id):
        raise NotPermitted(permission=permission)
