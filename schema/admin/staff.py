"""Keys of programs, and inviting people."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from loyalty.access import Role
from loyalty.staff import invitations, keys, people
from loyalty.words.languages import known
from schema.caller import shop_asked, surroundings
from schema.context import Info
from schema.identifiers import Node, decoded, encoded
from schema.paging import After, Connection, First, Keyset
from schema.refusals import PlainRefusals, Refusal, face_of
from schema.scalars import Locale

KEYS = Keyset(UUID)
PEOPLE = Keyset(UUID)

strawberry.enum(Role, description="What a member of staff is here for.")


@strawberry.type(description="A program's key, without its secret.")
class ApiKey:
    """What can be known of a key."""

    id: strawberry.ID = strawberry.field(description="Opaque and globally unique.")
    name: str = strawberry.field(description="What it is for.")
    prefix: str = strawberry.field(description="The beginning of the secret, to tell keys apart.")
    scopes: list[str] = strawberry.field(description="What it may do.")
    created_by: str = strawberry.field(description="Who made it: kind and id.")
    created_at: datetime = strawberry.field(description="When.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to the minute.")
    revoked_at: datetime | None = strawberry.field(description="Since when it no longer works.")

    @classmethod
    def of(cls, key: keys.Key) -> "ApiKey":
        """Show a key."""
        return cls(
            id=encoded("ApiKey", key.id),
            name=key.name,
            prefix=key.prefix,
            scopes=[str(scope) for scope in key.scopes],
            created_by=key.created_by,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )


@strawberry.type(description="Somebody who works here.")
class StaffMember(Node):
    """A person."""

    email: str = strawberry.field(description="Their e-mail address.")
    name: str = strawberry.field(description="Their name.")
    language: Locale = strawberry.field(description="Their language.")
    roles: list[Role] = strawberry.field(description="What they are here for.")
    second_factor: bool = strawberry.field(description="Whether they sign in with a second factor.")
    created_at: datetime = strawberry.field(description="Since when they are known.")
    disabled_at: datetime | None = strawberry.field(description="Since when they cannot sign in.")

    @classmethod
    def of(cls, person: people.Person) -> "StaffMember":
        """Show a person."""
        return cls(
            id=encoded("StaffMember", person.id),
            email=person.email,
            name=person.name,
            language=Locale(person.language),
            roles=list(person.roles),
            second_factor=person.second_factor,
            created_at=person.created_at,
            disabled_at=person.disabled_at,
        )


async def staff_node(info: Info, staff_id: UUID) -> StaffMember | None:
    """Return somebody by id.

    Raises:
        NotPermitted: the actor may not see staff, and this is not the actor.
    """
    return StaffMember.of(await people.person(info.context.actor, staff_id))


@face_of(keys.ScopeUnknown)
class ScopeUnknown(Refusal):
    """Paired with the rule of the same name."""

    scope: str = strawberry.field(description="What was asked for.")


@face_of(keys.ScopesExceedYours)
class ScopesExceedYours(Refusal):
    """Paired with the rule of the same name."""

    scope: str = strawberry.field(description="The scope that is not yours to give.")


@face_of(people.EmailTaken)
class EmailTaken(Refusal):
    """Paired with the rule of the same name."""


@face_of(people.RolesExceedYours)
class RolesExceedYours(Refusal):
    """Paired with the rule of the same name."""

    role: str = strawberry.field(description="The role that may do more than you.")


@strawberry.input(description="A key for a program.")
class CreateApiKeyInput:
    """What it is for and what it may do."""

    name: str = strawberry.field(description="What it is for.")
    scopes: list[str] = strawberry.field(description='Permissions such as "orders:record", or "all".')
    shop: str | None = strawberry.field(default=None, description="The shop it speaks for; absent: all.")


@strawberry.type(description="A key and its secret, which is not to be had again.")
class ApiKeyCreated:
    """The only moment the secret is seen."""

    api_key: ApiKey = strawberry.field(description="The key.")
    secret: str = strawberry.field(description="For `Authorization: Bearer`. Keep it: it is shown once.")


CreateApiKeyResult = Annotated[
    ApiKeyCreated | ScopeUnknown | ScopesExceedYours | PlainRefusals,
    strawberry.union("CreateApiKeyResult", description="What making a key came to."),
]


@strawberry.input(description="A key that is to stop working.")
class RevokeApiKeyInput:
    """Which key."""

    api_key_id: strawberry.ID = strawberry.field(description="The key.")


@strawberry.type(description="The key no longer works.")
class ApiKeyRevoked:
    """A revoked key."""

    api_key: ApiKey = strawberry.field(description="The key.")


RevokeApiKeyResult = Annotated[
    ApiKeyRevoked | PlainRefusals, strawberry.union("RevokeApiKeyResult", description="What revoking came to.")
]


@strawberry.input(description="Who is to work here.")
class InviteStaffInput:
    """A person and their roles."""

    email: str = strawberry.field(description="Their e-mail address.")
    name: str = strawberry.field(description="Their name.")
    roles: list[Role] = strawberry.field(description="What they are to do.")
    language: Locale | None = strawberry.field(default=None, description="Their language; absent: yours.")


@strawberry.type(description="An invitation is out. Until letters are sent, hand over the link yourself.")
class StaffInvited:
    """An open invitation."""

    staff_member: StaffMember = strawberry.field(description="Who was invited.")
    url: str = strawberry.field(description="Where they set their password. It is shown once.")
    expires_at: datetime = strawberry.field(description="Until when it works.")


InviteStaffResult = Annotated[
    StaffInvited | EmailTaken | RolesExceedYours | PlainRefusals,
    strawberry.union("InviteStaffResult", description="What inviting came to."),
]


@strawberry.type
class StaffQuery:
    """Questions about people and keys."""

    @strawberry.field(description="Keys of programs and personal tokens, the oldest first; revoked ones too.")
    async def api_keys(self, info: Info, first: First, after: After = None) -> Connection[ApiKey]:
        """Return a page of keys."""
        asked = KEYS.asked(first, after)
        found = await keys.keys(info.context.actor, first=asked.first, after=asked.key[0] if asked.key else None)
        shown = asked.page(found.keys, key=lambda key: (key.id,))
        return Connection.of(replace(shown, has_next=found.has_next), ApiKey.of)

    @strawberry.field(description="Everybody who works here, the longest here first; the disabled ones too.")
    async def staff(self, info: Info, first: First, after: After = None) -> Connection[StaffMember]:
        """Return a page of people."""
        asked = PEOPLE.asked(first, after)
        found = await people.people(info.context.actor, first=asked.first, after=asked.key[0] if asked.key else None)
        shown = asked.page(found.people, key=lambda person: (person.id,))
        return Connection.of(replace(shown, has_next=found.has_next), StaffMember.of)


@strawberry.type
class StaffMutation:
    """What can be done about people and keys."""

    @strawberry.mutation(description="Make a key for a program.")
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> CreateApiKeyResult:
        """Make a key."""
        context = info.context
        key, secret = await keys.create_api_key(
            context.actor,
            name=input.name,
            scopes=input.scopes,
            shop_id=(await shop_asked(info, input.shop)).id if input.shop else None,
            now=context.now,
        )
        return ApiKeyCreated(api_key=ApiKey.of(key), secret=secret)

    @strawberry.mutation(description="Make a key stop working, at once.")
    async def revoke_api_key(self, info: Info, input: RevokeApiKeyInput) -> RevokeApiKeyResult:
        """Revoke a key."""
        context = info.context
        key = await keys.revoke_api_key(context.actor, decoded("ApiKey", input.api_key_id), now=context.now)
        return ApiKeyRevoked(api_key=ApiKey.of(key))

    @strawberry.mutation(description="Invite somebody to work here.")
    async def invite_staff(self, info: Info, input: InviteStaffInput) -> InviteStaffResult:
        """Invite a person."""
        context = info.context
        invited = await invitations.invite_staff(
            context.actor,
            email=input.email,
            name=input.name,
            roles=input.roles,
            language=known(input.language) or input.language if input.language else context.language,
            now=context.now,
        )
        return StaffInvited(
            staff_member=StaffMember.of(invited.person),
            url=surroundings(info).invitation_url(invited.token),
            expires_at=invited.expires_at,
        )
