"""Becoming a member through a front end, and changing one's own profile."""

from loyalty.shops.catalogue import ShopFacts
from tests.support.api import CLOCK, Api, Caller, signed_by_shop
from tests.support.shops import a_shop
from tests.support.world import contents

ENROL = """
mutation($input: EnrolInput!) {
  enrol(input: $input) {
    __typename
    ... on Enrolled { member { displayName email locale birthday enrolledAt } }
    ... on Refusal { code message }
  }
}
"""
UPDATE = """
mutation($input: UpdateProfileInput!) {
  updateProfile(input: $input) {
    __typename
    ... on ProfileUpdated { member { firstName lastName email locale birthday version } }
    ... on Refusal { code message }
    ... on Invalid { field problem }
  }
}
"""
FIND = "query($email: String!) { customer(identifier: { kind: EMAIL, value: $email }) { firstName enrolledAt } }"


class TestAStranger:
    async def test_becomes_a_member_and_is_told_nothing(self, api: Api) -> None:
        told = await api.public(ENROL, input={"email": "mari@example.com", "firstName": "Mari"})

        assert told["enrol"] == {"__typename": "Enrolled", "member": None}
        found = await api.till(FIND, email="mari@example.com")
        assert found["customer"] == {"firstName": "Mari", "enrolledAt": "2026-03-02T12:00:00+00:00"}

    async def test_learns_nothing_from_an_address_that_is_known(self, api: Api) -> None:
        await api.member("mari@example.com", first_name="Mari")
        before = await contents()

        known = await api.public.post({"query": ENROL, "variables": {"input": {"email": "mari@example.com"}}})
        assert await contents() == before
        new = await api.public.post({"query": ENROL, "variables": {"input": {"email": "nova@example.com"}}})

        assert known.content == new.content

    async def test_needs_an_address_or_a_phone(self, api: Api) -> None:
        told = await api.public(ENROL, input={"firstName": "Mari"})

        assert told["enrol"]["__typename"] == "Invalid"

    async def test_names_the_shop_by_its_key_where_there_are_several(self, api: Api) -> None:
        await a_shop(code="second")

        nowhere = await api.public(ENROL, input={"email": "mari@example.com"})
        here = await api.in_shop(api.shop)(ENROL, input={"email": "mari@example.com"})

        assert (nowhere["enrol"]["__typename"], here["enrol"]["__typename"]) == ("Invalid", "Enrolled")

    async def test_with_an_unknown_shop_key_is_let_in_nowhere(self, api: Api) -> None:
        stranger = Caller(api.http, "/graphql", {"x-shop-key": "reg_pk_none"})

        response = await stranger.post({"query": "{ programme { name } }"})

        assert response.status_code == 401


class TestWhomTheShopVouchesFor:
    async def test_is_nobody_until_they_enrol_and_a_member_then(self, api: Api) -> None:
        claimant = await api.vouched("shop-77")

        assert (await claimant("{ me { displayName } }")) == {"me": None}
        enrolled = await claimant(ENROL, input={"email": "mari@example.com", "firstName": "Mari", "locale": "et"})

        assert enrolled["enrol"]["member"] == {
            "displayName": "Mari",
            "email": "mari@example.com",
            "locale": "et",
            "birthday": None,
            "enrolledAt": "2026-03-02T12:00:00+00:00",
        }
        assert (await claimant("{ me { displayName } }")) == {"me": {"displayName": "Mari"}}

    async def test_is_the_customer_with_this_id_of_the_shop(self, api: Api) -> None:
        await api.member("mari@example.com", external_id="shop-77", first_name="Mari")

        assert await (await api.vouched("shop-77"))("{ me { email } }") == {"me": {"email": "mari@example.com"}}

    async def test_is_let_in_by_no_other_secret_and_no_other_shop(self, api: Api) -> None:
        other = await a_shop(code="other")
        theirs = await signed_by_shop(other, "shop-77")
        forged = await signed_by_shop(other, "shop-77", iss=api.shop.code)
        old = await signed_by_shop(api.shop, "shop-77", exp=int(CLOCK.now().timestamp()) - 61)

        for token, shop in ((theirs, api.shop), (forged, api.shop), (old, api.shop)):
            assert await _status(api, token, shop) == 401
        assert await _status(api, theirs, other) == 200

    async def test_does_not_become_whoever_has_their_address(self, api: Api) -> None:
        await api.member("mari@example.com")

        told = await (await api.vouched("shop-77"))(ENROL, input={"email": "mari@example.com"})

        assert told["enrol"]["__typename"] == "IdentifierTaken"
        assert await (await api.vouched("shop-77"))("{ me { email } }") == {"me": None}


async def _status(api: Api, token: str, shop: ShopFacts) -> int:
    caller = Caller(api.http, "/graphql", {"authorization": f"Bearer {token}", "x-shop-key": shop.publishable_key})
    return (await caller.post({"query": "{ me { id } }"})).status_code


class TestAProfile:
    async def test_changes_in_what_is_given_and_keeps_the_rest(self, api: Api) -> None:
        mari, _ = await api.member(first_name="Mari", last_name="Maasikas")

        told = await mari(UPDATE, input={"lastName": "Mets", "locale": "et", "birthday": "1987-06-05"})

        assert told["updateProfile"] == {
            "__typename": "ProfileUpdated",
            "member": {
                "firstName": "Mari",
                "lastName": "Mets",
                "email": "mari@example.com",
                "locale": "et",
                "birthday": "1987-06-05",
                "version": 2,
            },
        }

    async def test_null_empties_what_may_be_empty(self, api: Api) -> None:
        mari, _ = await api.member(phone="+372 5123 4567", first_name="Mari")

        told = await mari(UPDATE, input={"email": None, "birthday": None, "firstName": None})

        member = told["updateProfile"]["member"]
        assert (member["email"], member["birthday"], member["firstName"]) == (None, None, "")

    async def test_null_is_no_language(self, api: Api) -> None:
        mari, _ = await api.member()

        told = await mari(UPDATE, input={"locale": None})

        assert told["updateProfile"]["__typename"] == "Invalid"
        assert (told["updateProfile"]["field"], told["updateProfile"]["problem"]) == ("locale", "blank")

    async def test_of_somebody_else_is_out_of_reach(self, api: Api) -> None:
        await api.member("mari@example.com", first_name="Mari")
        bo, _ = await api.member("bo@example.com")

        await bo(UPDATE, input={"firstName": "Bo"})

        assert (await api.till(FIND, email="mari@example.com"))["customer"]["firstName"] == "Mari"
