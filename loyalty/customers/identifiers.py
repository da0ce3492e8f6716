"""The ways to find a customer: e-mail, phone, card, barcode, a shop's own id, member number.

Each is normalised to a `value_key`, which is what is compared and unique per kind and scope; `value` stays as people
write it. Only a verified e-mail or phone signs somebody in.
"""

import secrets
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from email_validator import EmailNotValidError, validate_email

from loyalty.customers import folding
from loyalty.refusals import Invalid, Refusal
from loyalty.shops.catalogue import ShopFacts

CODE_LENGTH_MAX = 64
EXTERNAL_LENGTH_MAX = 200
PHONE_LENGTH_MAX = 40
MEMBER_NUMBER_DIGITS = 10


class IdentifierKind(StrEnum):
    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    BARCODE = "barcode"
    EXTERNAL = "external"
    MEMBER_NUMBER = "member_number"


SIGNS_IN = frozenset({IdentifierKind.EMAIL, IdentifierKind.PHONE})
"""The kinds that can be verified: by a letter or message to them."""


class IdentifierInvalid(Invalid):
    """The value cannot be an identifier of this kind."""

    code = "IDENTIFIER_INVALID"

    def __init__(self, *, kind: str) -> None:
        Refusal.__init__(self, kind=kind)


class IdentifierTaken(Refusal):
    """Another customer has this identifier. Whose it is, is never said."""

    code = "IDENTIFIER_TAKEN"
    stored = False

    def __init__(self, *, kind: str) -> None:
        super().__init__(kind=kind)


@dataclass(frozen=True)
class Identifier:
    """An identifier, normalised. `scope` is the shop's id for a shop's own ids, else empty."""

    kind: IdentifierKind
    value_key: str
    scope: str = ""
    value: str = field(default="", compare=False)

    @property
    def place(self) -> tuple[str, str, str]:
        """Return what is unique: kind, scope and the compared value."""
        return (self.kind.value, self.scope, self.value_key)

    @property
    def search_words(self) -> list[str]:
        """Return the words under which search finds it."""
        return search_words(self.kind, self.value_key)


def normalised(kind: IdentifierKind, value: str, *, shop: ShopFacts) -> Identifier:
    """Return the identifier that `value` means in this shop: a phone number without prefix is one of its country's.

    Raises:
        IdentifierInvalid: the value cannot be one of this kind.
    """
    written = value.strip() if kind is IdentifierKind.EXTERNAL else " ".join(value.split())
    if not written or not _can_be_stored(written):
        raise IdentifierInvalid(kind=kind)
    match kind:
        case IdentifierKind.EMAIL:
            return Identifier(kind, _email_key(written), value=written)
        case IdentifierKind.PHONE:
            return Identifier(kind, _phone_key(written, shop.country), value=written)
        case IdentifierKind.EXTERNAL:
            if len(written) > EXTERNAL_LENGTH_MAX:
                raise IdentifierInvalid(kind=kind)
            return Identifier(kind, written, scope=str(shop.id), value=written)
        case IdentifierKind.CARD | IdentifierKind.BARCODE | IdentifierKind.MEMBER_NUMBER:
            return Identifier(kind, _code_key(kind, written), value=written)


def _can_be_stored(text: str) -> bool:
    return text.isprintable()  # neither control characters nor halves of surrogates


def _email_key(written: str) -> str:
    try:
        return validate_email(written, check_deliverability=False).normalized.casefold()
    except EmailNotValidError as error:
        raise IdentifierInvalid(kind=IdentifierKind.EMAIL) from error


def _phone_key(written: str, country: str) -> str:
    import phonenumbers  # here, as its tables are large and many processes never see a phone number

    if len(written) > PHONE_LENGTH_MAX:
        raise IdentifierInvalid(kind=IdentifierKind.PHONE)
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException as error:
        raise IdentifierInvalid(kind=IdentifierKind.PHONE) from error
    # By its length alone: ranges of numbers are opened faster than the tables are updated.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise IdentifierInvalid(kind=IdentifierKind.PHONE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _code_key(kind: IdentifierKind, written: str) -> str:
    plain = unicodedata.normalize("NFKC", written)
    key = "".join(character for character in plain if not character.isspace() and not _is_dash(character)).casefold()
    if not 1 <= len(key) <= CODE_LENGTH_MAX or (kind is IdentifierKind.MEMBER_NUMBER and not key.isdecimal()):
        raise IdentifierInvalid(kind=kind)
    return key


def _is_dash(character: str) -> bool:
    return unicodedata.category(character) == "Pd"


def search_words(kind: str, value_key: str) -> list[str]:
    """Return the words under which search finds an identifier; numbers also by their last digits."""
    key = folding.folded(value_key)
    match kind:
        case IdentifierKind.PHONE:
            return _phone_words(value_key)
        case IdentifierKind.CARD | IdentifierKind.MEMBER_NUMBER if key.isdecimal():
            return folding.number_words(key)
        case IdentifierKind.EXTERNAL:
            return [*key.split(), "".join(key.split())]
    return [key]


def _phone_words(e164: str) -> list[str]:
    """Return the number as people begin to type it, with the country's code and as at home, and by its last digits."""
    import phonenumbers

    number = phonenumbers.parse(e164)
    at_home = folding.digits_of(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))
    return [*folding.number_words(e164[1:]), at_home, phonenumbers.national_significant_number(number)]


def luhn_check_digit(digits: str) -> str:
    """Return the digit to append so that single wrong digits and neighbours swapped are noticed (ISO/IEC 7812-1, B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def new_member_numbers(count: int) -> list[str]:
    """Return so many different random member numbers: ten digits, the first not zero, the last one the check digit.

    They say nothing about when or whether somebody became a member. Whether one is given already, the table knows.
    """
    numbers: set[str] = set()
    while len(numbers) < count:
        digits = str(10 ** (MEMBER_NUMBER_DIGITS - 2) + secrets.randbelow(9 * 10 ** (MEMBER_NUMBER_DIGITS - 2)))
        numbers.add(digits + luhn_check_digit(digits))
    return list(numbers)
