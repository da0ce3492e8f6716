"""Who may do what: the table of grants, and the one door it is read at."""

import dataclasses
from uuid import UUID

import pytest

from loyalty.access import GRANTS, OWN, Actor, ActorKind, NotPermitted, Permission, Role, require

ANNA, BJØRN = UUID(int=1), UUID(int=2)

READS = {"customers:read", "orders:read", "ledger:read", "rewards:read", "programme:read", "jobs:read"}


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        (Role.ANALYST, READS),
        (Role.MARKETER, READS | {"programme:publish"}),
        (
            Role.SUPPORT,
            READS | {"customers:write", "orders:record", "ledger:adjust", "ledger:approve", "rewards:redeem"},
        ),
        (Role.ADMIN, {permission.value for permission in Permission} - {"ledger:post"}),
    ],
)
def test_what_each_role_may_do(role: Role, granted: set[str]) -> None:
    assert {permission.value for permission in GRANTS[role]} == granted
    actor = Actor.staff(UUID(int=9), role)

    for permission in Permission:
        if permission.value in granted:
            require(actor, permission)
            require(actor, permission, of=ANNA)
            continue
        with pytest.raises(NotPermitted) as refused:
            require(actor, permission)
        assert refused.value.facts == {"permission": permission.value}


def test_every_role_is_in_the_table_and_nobody_on_the_staff_posts_to_the_ledger() -> None:
    assert set(GRANTS) == set(Role)
    assert not any(Permission.LEDGER_POST in granted for granted in GRANTS.values())


def test_roles_add_up() -> None:
    both = Actor.staff(UUID(int=9), Role.MARKETER, Role.SUPPORT)

    assert both.permissions == GRANTS[Role.MARKETER] | GRANTS[Role.SUPPORT]
    assert Actor.staff(UUID(int=9)).permissions == frozenset()


@pytest.mark.parametrize("permission", list(Permission))
def test_a_customer_does_only_what_is_theirs_and_only_to_themselves(permission: Permission) -> None:
    anna = Actor.customer(ANNA)

    if permission in OWN:
        require(anna, permission, of=ANNA)
    for of in (None, BJØRN) if permission in OWN else (None, ANNA, BJØRN):
        with pytest.raises(NotPermitted):
            require(anna, permission, of=of)


def test_what_is_ones_own_neither_records_orders_nor_corrects_balances() -> None:
    assert {permission.value for permission in OWN} == {
        "customers:read", "customers:write", "orders:read", "ledger:read", "rewards:read", "rewards:redeem",
    }  # fmt: skip


def test_a_customer_who_is_nobody_is_not_everybody() -> None:
    nobody = Actor(ActorKind.CUSTOMER, "", OWN, customer_id=None)

    with pytest.raises(NotPermitted):
        require(nobody, Permission.LEDGER_READ, of=None)


@pytest.mark.parametrize("permission", list(Permission))
def test_the_public_may_nothing_and_a_job_anything(permission: Permission) -> None:
    require(Actor.system("expire-lots"), permission)
    with pytest.raises(NotPermitted):
        require(Actor.public(), permission)


@pytest.mark.parametrize("permission", list(Permission))
def test_a_key_may_what_its_scopes_say(permission: Permission) -> None:
    one = Actor.key(UUID(int=3), frozenset({permission}))

    require(one, permission, of=ANNA)
    for other in set(Permission) - {permission}:
        with pytest.raises(NotPermitted):
            require(one, other)


def test_an_actor_is_named_by_kind_and_reference() -> None:
    assert Actor.public().reference == "public:"
    assert Actor.customer(ANNA).reference == f"customer:{ANNA}"
    assert Actor.staff(ANNA, Role.ADMIN).reference == f"staff:{ANNA}"
    assert Actor.key(ANNA, frozenset()).reference == f"key:{ANNA}"
    assert Actor.system("expire-lots").reference == "system:expire-lots"


def test_staff_who_are_customers_have_the_permissions_of_their_role_alone() -> None:
    analyst = Actor.staff(UUID(int=9), Role.ANALYST, customer_id=ANNA)

    assert analyst.customer_id == ANNA
    with pytest.raises(NotPermitted):
        require(analyst, Permission.REWARDS_REDEEM, of=ANNA)


def test_an_actor_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Actor.public().permissions = frozenset(Permission)  # type: ignore[misc]


def test_permissions_are_written_as_concept_and_verb() -> None:
    assert all(len(permission.value.split(":")) == 2 for permission in Permission)
