"""Codes on receipts: read aloud, typed with mistakes, told again, and not to be guessed."""

import base64
import hashlib
import hmac
from uuid import UUID, uuid4

import pytest

from loyalty.orders.receipts import receipt_code, receipt_code_hash

ORDER_ID = UUID("019cae6b-6600-7b14-8b09-36368318aa57")
RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_a_code_is_eighty_bits_of_the_secret_in_crockfords_base32() -> None:
    # Five bits a letter in both alphabets: base64.b32encode is RFC 4648's, the other one is crockford.com/base32.html.
    digest = hmac.digest(b"secret", ORDER_ID.bytes, "sha256")
    expected = base64.b32encode(digest[:10]).decode().translate(str.maketrans(RFC_4648, CROCKFORD))

    code = receipt_code(ORDER_ID, b"secret")

    assert code.replace("-", "") == expected
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert receipt_code_hash(code) == hashlib.sha256(expected.encode()).digest()


def test_a_code_is_told_again_for_the_same_order_and_no_other() -> None:
    assert receipt_code(ORDER_ID, b"secret") == receipt_code(ORDER_ID, b"secret")
    assert receipt_code(ORDER_ID, b"secret") != receipt_code(ORDER_ID, b"another")
    assert len({receipt_code(uuid4(), b"secret") for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "typed",
    ["0123-4567-89AB-CDEV", "0123456789abcdev", " o123 4567 89ab cdeu ", "0I23-4567-89AB-CDEV", "0l23.4567.89AB.CDEV"],
)
def test_a_code_is_read_as_people_type_it(typed: str) -> None:
    # crockford.com/base32.html: O is read as 0, I and L as 1, hyphens do not count.
    assert receipt_code_hash(typed) == receipt_code_hash("0123-4567-89AB-CDEV")


@pytest.mark.parametrize("typed", ["", "0123", "0123-4567-89AB-CDEV-0", "0123-4567-89AB-CDE¹", "\x00" * 16, "\ud800"])
def test_what_cannot_be_a_code_has_no_hash(typed: str) -> None:
    assert receipt_code_hash(typed) is None
