"""API keys and personal tokens."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from loyalty import transactions
from loyalty.access import Actor, ActorKind, NotPermitted, Permission, Role
from loyalty.audit import trail
from loyalty.refusals import Invalid, NotFound
from loyalty.staff.keys import (
    ALL_SCOPES,
    KeyUnknown,
    ScopesExceedYours,
    ScopeUnknown,
    create_api_key,
    create_personal_token,
    key_actor,
    keys,
    own_tokens,
    revoke_api_key,
)
from loyalty.staff.roles import change_roles, disable_staff
from tests.support.staff import a_key, a_person, all_but, an_actor, every_actor

ADMIN = an_actor(Role.ADMIN)
SHOP, OTHER_SHOP = UUID(int=1), UUID(int=2)

pytestmark = pytest.mark.usefixtures("database")


async def key_count() -> int:
    """Return how many keys there are."""
    return int(await transactions.value("SELECT count(*) FROM api_key"))


async def test_a_key_acts_with_its_scopes_and_for_its_shop(now: datetime) -> None:
    key, secret = await a_key(Permission.ORDERS_RECORD, Permission.CUSTOMERS_READ, shop_id=SHOP, now=now)

    actor = await key_actor(secret, now=now)

    assert actor == Actor.key(key.id, frozenset({Permission.ORDERS_RECORD, Permission.CUSTOMERS_READ}), shop_id=SHOP)


async def test_a_secret_is_shown_once_and_kept_as_a_hash(now: datetime) -> None:
    key, secret = await a_key(now=now)

    assert re.fullmatch(r"reg_sk_[0-9a-f]{8}_[0-9a-f]{64}", secret)
    assert secret.startswith(f"{key.prefix}_")
    assert secret.removeprefix(f"{key.prefix}_") not in await transactions.value("SELECT api_key::text FROM api_key")


async def test_all_scopes_are_all_but_posting_to_the_ledger(now: datetime) -> None:
    _, secret = await create_api_key(ADMIN, name="Everything", scopes=["all"], now=now)

    actor = await key_actor(secret, now=now)

    assert actor.permissions == ALL_SCOPES == frozenset(Permission) - {Permission.LEDGER_POST}


@pytest.mark.parametrize("scope", ["ledger:post", "ledger", "", "ALL"])
async def test_what_is_no_scope_is_refused(now: datetime, scope: str) -> None:
    with pytest.raises(ScopeUnknown) as refused:
        await create_api_key(Actor.system("tests"), name="Till", scopes=["orders:read", scope], now=now)

    assert refused.value.facts == {"scope": scope}
    assert await key_count() == 0


async def test_posting_to_the_ledger_is_no_scope_even_if_it_stands_in_the_row(now: datetime) -> None:
    _, secret = await a_key(Permission.ORDERS_READ, now=now)
    await transactions.value("UPDATE api_key SET scopes = '{orders:read,ledger:post,gone:scope}'")

    assert (await key_actor(secret, now=now)).permissions == {Permission.ORDERS_READ}


@pytest.mark.parametrize(("name", "scopes"), [("", ["all"]), ("a" * 201, ["all"]), ("a\nb", ["all"]), ("Till", [])])
async def test_a_key_needs_a_name_and_scopes(now: datetime, name: str, scopes: list[str]) -> None:
    with pytest.raises(Invalid):
        await create_api_key(ADMIN, name=name, scopes=scopes, now=now)

    assert await key_count() == 0


async def test_nobody_gives_away_more_than_they_have(now: datetime) -> None:
    program = Actor.key(UUID(int=5), frozenset({Permission.KEYS_MANAGE, Permission.ORDERS_READ}), shop_id=SHOP)

    with pytest.raises(ScopesExceedYours):
        await create_api_key(program, name="Till", scopes=["all"], shop_id=SHOP, now=now)
    with pytest.raises(ScopesExceedYours):
        await create_api_key(program, name="Till", scopes=["orders:record"], shop_id=SHOP, now=now)
    for shop_id in (None, OTHER_SHOP):
        with pytest.raises(ScopesExceedYours):
            await create_api_key(program, name="Till", scopes=["orders:read"], shop_id=shop_id, now=now)
    assert await key_count() == 0

    key, _ = await create_api_key(program, name="Till", scopes=["orders:read"], shop_id=SHOP, now=now)
    assert (key.scopes, key.created_by) == ((Permission.ORDERS_READ,), program.reference)


async def test_a_revoked_key_is_unknown_at_once(now: datetime) -> None:
    key, secret = await a_key(now=now)

    revoked = await revoke_api_key(ADMIN, key.id, now=now)
    again = await revoke_api_key(ADMIN, key.id, now=now + timedelta(days=1))

    assert revoked.revoked_at == again.revoked_at == now
    with pytest.raises(KeyUnknown):
        await key_actor(secret, now=now)


@pytest.mark.parametrize("secret", ["", "reg_sk_", "reg_sk_00000000_" + "0" * 64, "\x00", "\ud800", "a" * 100_000])
async def test_a_secret_that_never_was_is_nobodys(now: datetime, secret: str) -> None:
    await a_key(now=now)

    with pytest.raises(KeyUnknown):
        await key_actor(secret, now=now)


async def test_the_last_use_is_noted_at_most_once_a_minute(now: datetime) -> None:
    _, secret = await a_key(now=now)

    async def noted_at(moment: datetime) -> datetime | None:
        await key_actor(secret, now=moment)
        return (await keys(ADMIN, first=1)).keys[0].last_used_at

    assert (await keys(ADMIN, first=1)).keys[0].last_used_at is None
    assert await noted_at(now) == now
    assert await noted_at(now + timedelta(seconds=59)) == now
    assert await noted_at(now + timedelta(seconds=60)) == now + timedelta(seconds=60)


async def test_a_personal_token_acts_as_its_person_with_the_roles_of_the_moment(now: datetime) -> None:
    person = await a_person(Role.SUPPORT, now=now)
    token, secret = await create_personal_token(person.actor, name="Script", now=now)

    assert re.fullmatch(r"reg_pat_[0-9a-f]{8}_[0-9a-f]{64}", secret)
    assert (token.staff_id, token.scopes) == (person.id, ())
    assert await key_actor(secret, now=now) == person.actor

    await change_roles(ADMIN, person.id, [Role.ANALYST], now=now)
    assert (await key_actor(secret, now=now)).roles == {Role.ANALYST}


async def test_the_tokens_of_the_disabled_are_nobodys(now: datetime) -> None:
    await a_person(now=now)
    person = await a_person(Role.SUPPORT, now=now)
    _, secret = await create_personal_token(person.actor, name="Script", now=now)

    await disable_staff(ADMIN, person.id, now=now)

    with pytest.raises(KeyUnknown):
        await key_actor(secret, now=now)


async def test_people_see_and_end_their_own_tokens(now: datetime) -> None:
    anna, bert = await a_person(Role.ANALYST, now=now), await a_person(Role.ANALYST, now=now)
    token, _ = await create_personal_token(anna.actor, name="Script", now=now)

    assert [key.id for key in await own_tokens(anna.actor)] == [token.id]
    assert await own_tokens(bert.actor) == []
    with pytest.raises(NotPermitted):
        await revoke_api_key(bert.actor, token.id, now=now)

    await revoke_api_key(anna.actor, token.id, now=now)
    assert await own_tokens(anna.actor) == []


async def test_keys_are_told_in_pages_the_oldest_first(now: datetime) -> None:
    made = sorted([(await a_key(now=now))[0].id for _ in range(3)])

    first = await keys(ADMIN, first=2)
    second = await keys(ADMIN, first=2, after=first.keys[-1].id)

    assert [key.id for key in first.keys + second.keys] == made
    assert (first.has_next, second.has_next) == (True, False)


async def test_a_shops_program_sees_and_ends_the_keys_of_its_shop_alone(now: datetime) -> None:
    program = Actor.key(UUID(int=5), frozenset({Permission.KEYS_MANAGE}), shop_id=SHOP)
    own, _ = await a_key(shop_id=SHOP, now=now)
    foreign, secret = await a_key(shop_id=OTHER_SHOP, now=now)

    assert [key.id for key in (await keys(program, first=9)).keys] == [own.id]
    with pytest.raises(NotFound):
        await revoke_api_key(program, foreign.id, now=now)
    assert (await key_actor(secret, now=now)).kind is ActorKind.KEY


async def test_keys_stand_in_the_trail(now: datetime) -> None:
    key, _ = await create_api_key(ADMIN, name="Till", scopes=["orders:read"], now=now)
    await revoke_api_key(ADMIN, key.id, now=now)

    acts = (await trail.page(ADMIN, first=9)).acts

    assert [(act.action, act.subject_id, act.after) for act in acts] == [
        ("revoke_api_key", str(key.id), None),
        ("create_api_key", str(key.id), {"scopes": ["orders:read"]}),
    ]


@pytest.mark.parametrize("name", all_but("admin"))
async def test_only_admins_manage_keys(now: datetime, name: str) -> None:
    actor, (key, secret) = every_actor()[name], await a_key(now=now)

    with pytest.raises(NotPermitted):
        await create_api_key(actor, name="Till", scopes=["orders:read"], now=now)
    with pytest.raises(NotPermitted):
        await revoke_api_key(actor, key.id, now=now)
    with pytest.raises(NotPermitted):
        await revoke_api_key(actor, UUID(int=9), now=now)
    with pytest.raises(NotPermitted):
        await keys(actor, first=9)

    assert await key_count() == 1
    assert await key_actor(secret, now=now)


@pytest.mark.parametrize("name", ["public", "customer", "key without scopes"])
async def test_only_people_who_work_here_have_personal_tokens(now: datetime, name: str) -> None:
    with pytest.raises(NotPermitted):
        await create_personal_token(every_actor()[name], name="Script", now=now)
    with pytest.raises(NotPermitted):
        await own_tokens(every_actor()[name])

    assert await key_count() == 0
