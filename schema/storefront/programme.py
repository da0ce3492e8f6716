"""The programme's public terms."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from typing import Annotated

import strawberry

from schema.caller import shop_asked
from schema.context import Info
from schema.ledger import standing_of
from schema.programme import Programme
from schema.scalars import Locale


@strawberry.type
class ProgrammeQuery:
    """What is promised."""

    @strawberry.field(description="The public terms: how to earn, rewards, expiry, in words and numbers.")
    async def programme(
        self,
        info: Info,
        locale: Annotated[
            Locale | None, strawberry.argument(description="The language of the words; absent: the reader's.")
        ] = None,
    ) -> Programme:
        """Return the version that holds now in the caller's shop."""
        shop = await shop_asked(info)
        return Programme.of(await standing_of(info.context, shop.id), info, locale)
