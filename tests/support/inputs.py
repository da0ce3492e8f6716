"""One good input for each mutation, in the world of tests/support/world.py: to send, to send again, to spoil."""

from typing import Any

from tests.support.api import a_line, an_order
from tests.support.world import BO, World


def admin_inputs(world: World) -> dict[str, dict[str, Any]]:
    """Return an input for each mutation of the admin schema; each succeeds once, whichever comes first."""
    ids = world.ids
    shop = world.api.shop.code
    bo = {"kind": "EMAIL", "value": BO}
    return {
        "recordOrder": an_order("new-1", a_line(), customer=bo, shop=shop, channel="WEB", couponCodes=[]),
        "recordOrders": {"idempotencyKey": "batch", "orders": [an_order("new-2", customer=bo, shop=shop)]},
        "recordReturn": {
            "idempotencyKey": "return",
            "orderExternalId": "canary-1001",
            "returnedAt": "2026-03-02T09:00:00Z",
            "shop": shop,
            "lines": [{"sku": "MILK", "lineNumber": 2, "quantity": "0.5"}],
        },
        "cancelOrder": {"idempotencyKey": "cancel", "orderExternalId": "canary-1003", "shop": shop},
        "enrolCustomer": {
            "idempotencyKey": "enrol",
            "shop": shop,
            "email": "new@example.com",
            "phone": "+372 5555 5555",
            "card": "C-77",
            "barcode": "B-77",
            "externalId": "E-77",
            "firstName": "New",
            "lastName": "Person",
            "locale": "et",
            "birthday": "1990-01-31",
        },
        "updateCustomer": {
            "customerId": ids["other customer"],
            "shop": shop,
            "expectedVersion": 1,
            "firstName": "Bob",
            "lastName": "Berg",
            "locale": "sv",
            "birthday": "1991-12-24",
            "email": "bob@example.com",
            "phone": "+372 5555 1234",
            "card": "C-78",
            "barcode": "B-78",
            "externalId": "E-78",
        },
        "mergeCustomers": {"idempotencyKey": "merge", "keptId": ids["customer"], "mergedId": ids["other customer"]},
        "adjustBalance": {
            "idempotencyKey": "adjust",
            "customerId": ids["other customer"],
            "points": 50,
            "unit": "points",
            "reason": "GOODWILL",
            "note": "The parcel came late.",
        },
        "approveAdjustment": {"idempotencyKey": "approve", "adjustmentId": ids["adjustment"], "note": "Agreed."},
        "rejectAdjustment": {"idempotencyKey": "reject", "adjustmentId": ids["another adjustment"], "note": "No."},
        "redeemReward": {"idempotencyKey": "pay", "customerId": ids["other customer"], "rewardId": "5-off"},
        "reserveReward": {"idempotencyKey": "hold", "customerId": ids["other customer"], "rewardId": "5-off"},
        "captureReservation": {"idempotencyKey": "capture", "reservationId": ids["reservation"]},
        "voidReservation": {"idempotencyKey": "void", "reservationId": ids["another reservation"]},
        "createApiKey": {"name": "Till 7", "scopes": ["orders:record"], "shop": shop},
        "revokeApiKey": {"apiKeyId": ids["key"]},
        "inviteStaff": {"email": "kai@example.com", "name": "Kai", "roles": ["SUPPORT"], "language": "et"},
    }


def storefront_inputs(world: World) -> dict[str, dict[str, Any]]:
    """Return an input for each mutation of the storefront; those of members are for Anna."""
    return {
        "enrol": {
            "email": "new@example.com",
            "phone": "+372 5555 5555",
            "firstName": "New",
            "lastName": "Person",
            "locale": "pl",
            "birthday": "1990-01-31",
        },
        "updateProfile": {
            "expectedVersion": 1,
            "firstName": "Anne",
            "lastName": "Berg",
            "locale": "nb",
            "email": "anne@example.com",
            "phone": "+47 912 34 567",
        },
        "redeemReward": {"idempotencyKey": "my redeem", "rewardId": "5-off"},
        "reserveReward": {"idempotencyKey": "my reserve", "rewardId": "free-shipping"},
        "voidReservation": {"idempotencyKey": "my void", "reservationId": world.ids["another reservation"]},
        "claimReceipt": {"idempotencyKey": "my claim", "code": world.receipt_code},
        "requestSignInLink": {"email": "anna.canary@example.com"},
        "signIn": {"token": "none"},
    }
