"""Signing in by a link to a verified e-mail address."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import datetime
from typing import Annotated

import strawberry

from loyalty.customers import lookup, sign_in
from schema.caller import surroundings
from schema.context import Info
from schema.customers import IdentifierInvalid
from schema.refusals import PlainRefusals, Refusal, face_of
from schema.storefront.member import Member


@face_of(sign_in.SignInLinkInvalid)
class SignInLinkInvalid(Refusal):
    """Paired with the rule of the same name."""


@strawberry.input(description="Where to send the link.")
class RequestSignInLinkInput:
    """An address."""

    email: str = strawberry.field(description="The e-mail address.")


@strawberry.type(
    description="If a member has this verified address, a link is on its way. Either way this is the answer."
)
class SignInLinkRequested:
    """Says nothing about anybody."""

    sent: bool = strawberry.field(description="Always true.")


RequestSignInLinkResult = Annotated[
    SignInLinkRequested | IdentifierInvalid | PlainRefusals,
    strawberry.union("RequestSignInLinkResult", description="What asking for a link came to."),
]


@strawberry.input(description="The link's token.")
class SignInInput:
    """A token."""

    token: str = strawberry.field(description="What the link carries.")


@strawberry.type(description="Somebody is signed in.")
class SignedIn:
    """A credential and whose it is."""

    access_token: str = strawberry.field(description="For `Authorization: Bearer`.")
    expires_at: datetime = strawberry.field(description="Until when it is good.")
    member: Member = strawberry.field(description="Who signed in.")


SignInResult = Annotated[
    SignedIn | SignInLinkInvalid | PlainRefusals,
    strawberry.union("SignInResult", description="What signing in came to."),
]


@strawberry.type
class SignInMutation:
    """Signing in."""

    @strawberry.mutation(description="Ask for a link by which to sign in. Hit and miss are answered alike.")
    async def request_sign_in_link(self, info: Info, input: RequestSignInLinkInput) -> RequestSignInLinkResult:
        """Make the link and hand it to whoever sends it."""
        context = info.context
        issued = await sign_in.request_sign_in_link(
            input.email,
            shop_id=context.shop_id,
            address=context.network_address,
            now=context.now,
        )
        if issued is not None:
            surroundings(info).send_sign_in_link(issued)
        return SignInLinkRequested(sent=True)

    @strawberry.mutation(description="Exchange a link's token, once, for an access token.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInResult:
        """Sign in."""
        context = info.context
        token = await sign_in.sign_in(input.token, secret=surroundings(info).secret.get_secret_value(), now=context.now)
        customers = await lookup.customers_by_id([token.customer_id])
        return SignedIn(
            access_token=token.token,
            expires_at=token.expires_at,
            member=Member.of(customers[token.customer_id]),
        )
