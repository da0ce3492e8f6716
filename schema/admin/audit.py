"""Who did what, when and why."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from dataclasses import replace
from datetime import datetime
from typing import Annotated

import orjson
import strawberry

from loyalty.audit import trail
from schema.context import Info
from schema.identifiers import decoded, encoded
from schema.paging import After, Connection, First, Keyset

ACTS = Keyset(int)


@strawberry.type(description="One act. References, never personal values.")
class AuditRecord:
    """A row of the trail."""

    id: strawberry.ID = strawberry.field(description="Opaque and globally unique.")
    at: datetime = strawberry.field(description="When.")
    actor: str = strawberry.field(description="Who: kind and id.")
    action: str = strawberry.field(description="What.")
    subject_kind: str = strawberry.field(description="What kind of thing was acted upon.")
    subject_id: str = strawberry.field(description="Which one.")
    customer_id: strawberry.ID | None = strawberry.field(description="The customer it concerns, if it does.")
    why: str = strawberry.field(description="The reason given.")
    before: str | None = strawberry.field(description="What stood before, as JSON.")
    after: str | None = strawberry.field(description="What stood afterwards, as JSON.")

    @classmethod
    def of(cls, act: trail.Act) -> "AuditRecord":
        """Show an act."""
        return cls(
            id=encoded("AuditRecord", act.id),
            at=act.at,
            actor=act.actor,
            action=act.action,
            subject_kind=act.subject_kind,
            subject_id=act.subject_id,
            customer_id=encoded("Customer", act.customer_id) if act.customer_id else None,
            why=act.why,
            before=_json(act.before),
            after=_json(act.after),
        )


def _json(values: dict[str, object] | None) -> str | None:
    return None if values is None else orjson.dumps(values).decode()


@strawberry.type
class AuditQuery:
    """Questions about acts."""

    @strawberry.field(description="The audit trail, newest first.")
    async def audit_trail(
        self,
        info: Info,
        first: First,
        after: After = None,
        actor: Annotated[str | None, strawberry.argument(description="Only this actor's: kind and id.")] = None,
        action: Annotated[str | None, strawberry.argument(description="Only this kind of act.")] = None,
        customer_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only what concerns this customer.")
        ] = None,
    ) -> Connection[AuditRecord]:
        """Return a page of acts."""
        asked = ACTS.asked(first, after)
        filters = trail.Filters(
            actor=actor, action=action, customer_id=decoded("Customer", customer_id) if customer_id else None
        )
        caller = info.context.actor
        page = await trail.page(caller, first=asked.first, after=asked.key[0] if asked.key else None, filters=filters)

        async def count() -> int:
            return await trail.count(caller, filters=filters)

        shown = asked.page(page.acts, key=lambda act: (act.position,), count=count)
        return Connection.of(replace(shown, has_next=page.has_next), AuditRecord.of)
