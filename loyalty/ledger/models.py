"""Wallets, entries, lots and what moved between them. Written by posting.sql alone."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

ENTRY_KINDS = (
    "earn",
    "release",
    "redeem",
    "reserve",
    "capture",
    "void",
    "expire",
    "adjust",
    "reverse",
    "clawback",
    "transfer_out",
    "transfer_in",
)

WALLET_COLUMNS = (
    "available_points",
    "pending_points",
    "reserved_points",
    "owed_points",
    "lifetime_earned_points",
    "lifetime_redeemed_points",
)

_ENTRY_KIND_LIST = ",".join(f"'{kind}'" for kind in ENTRY_KINDS)


class Wallet(Model):
    """One customer's account in one unit: the sums of its entries' deltas. No index on a column that changes."""

    id = fields.UUIDField(primary_key=True)
    customer_id = fields.UUIDField()
    unit = fields.TextField()
    available_points = fields.BigIntField(default=0, db_default=0)
    pending_points = fields.BigIntField(default=0, db_default=0)
    reserved_points = fields.BigIntField(default=0, db_default=0)
    owed_points = fields.BigIntField(default=0, db_default=0)
    lifetime_earned_points = fields.BigIntField(default=0, db_default=0)
    lifetime_redeemed_points = fields.BigIntField(default=0, db_default=0)
    version = fields.BigIntField(default=0, db_default=0)
    """The sequence of the newest entry."""
    lots_made = fields.BigIntField(default=0, db_default=0)
    """The sequence of the newest lot."""

    class Meta:
        table = "wallet"
        constraints = [
            UniqueConstraint(fields=("customer_id", "unit"), name="wallet_customer_unit"),
            CheckConstraint(check="available_points BETWEEN 0 AND 1000000000000000", name="wallet_available_in_bounds"),
            CheckConstraint(check="pending_points BETWEEN 0 AND 1000000000000000", name="wallet_pending_in_bounds"),
            CheckConstraint(check="reserved_points BETWEEN 0 AND 1000000000000000", name="wallet_reserved_in_bounds"),
            CheckConstraint(check="owed_points BETWEEN 0 AND 1000000000000000", name="wallet_owed_in_bounds"),
        ]


class Entry(Model):
    """One immutable row of the ledger.

    `points` is signed, as people read it; the six deltas are what the entry did to its wallet. `contra` names the
    programme's account on the other side, whose share is -(available + pending + reserved - owed deltas).
    `occurred_at` is business time; the order is `sequence`. `asked` keeps the posting as it was asked, for replay.
    """

    id = fields.UUIDField(primary_key=True)
    wallet_id = fields.UUIDField()
    customer_id = fields.UUIDField()
    sequence = fields.BigIntField()
    kind = fields.TextField()
    points = fields.BigIntField()
    contra = fields.TextField()
    available_delta = fields.BigIntField()
    pending_delta = fields.BigIntField()
    reserved_delta = fields.BigIntField()
    owed_delta = fields.BigIntField()
    lifetime_earned_delta = fields.BigIntField()
    lifetime_redeemed_delta = fields.BigIntField()
    balance_after_points = fields.BigIntField()
    occurred_at = fields.DatetimeField()
    recorded_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    external_reference = fields.TextField(null=True)
    order_id = fields.UUIDField(null=True)
    related_entry_id = fields.UUIDField(null=True)
    actor = fields.TextField()
    explanation = fields.JSONField[dict[str, object]]()
    asked = fields.JSONField[dict[str, object]]()

    class Meta:
        table = "entry"
        indexes = [
            Index(fields=["customer_id", "recorded_at", "id"], name="entry_customer_recorded"),
            Index(fields=["order_id"], name="entry_order"),
        ]
        constraints = [
            UniqueConstraint(fields=("wallet_id", "sequence"), name="entry_wallet_sequence"),
            UniqueConstraint(
                fields=("external_reference", "kind"),
                name="entry_external_reference",
                condition="external_reference IS NOT NULL",
            ),
            CheckConstraint(
                check="points BETWEEN -1000000000000000 AND 1000000000000000", name="entry_points_in_bounds"
            ),
            CheckConstraint(check=f"kind IN ({_ENTRY_KIND_LIST})", name="entry_kind"),
            CheckConstraint(
                check="contra IN ('issued','redeemed','expired','adjusted','reversed','transferred','none')",
                name="entry_contra",
            ),
        ]


class Lot(Model):
    """Units earned together, with one expiry. Where they are now is spread over the columns, which sum to earned.

    `expires_at` is exclusive and null for never. `available_at` is when a pending lot is due for release by date;
    `awaits` names the event it waits for instead.
    """

    id = fields.UUIDField(primary_key=True)
    wallet_id = fields.UUIDField()
    customer_id = fields.UUIDField()
    sequence = fields.BigIntField()
    entry_id = fields.UUIDField()
    order_id = fields.UUIDField(null=True)
    earned_points = fields.BigIntField()
    pending_points = fields.BigIntField(default=0, db_default=0)
    open_points = fields.BigIntField(default=0, db_default=0)
    reserved_points = fields.BigIntField(default=0, db_default=0)
    redeemed_points = fields.BigIntField(default=0, db_default=0)
    expired_points = fields.BigIntField(default=0, db_default=0)
    adjusted_points = fields.BigIntField(default=0, db_default=0)
    reversed_points = fields.BigIntField(default=0, db_default=0)
    transferred_points = fields.BigIntField(default=0, db_default=0)
    earned_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    available_at = fields.DatetimeField(null=True)
    awaits = fields.TextField(null=True)

    class Meta:
        table = "lot"
        constraints = [
            UniqueConstraint(fields=("wallet_id", "sequence"), name="lot_wallet_sequence"),
            CheckConstraint(
                check=(
                    "earned_points = pending_points + open_points + reserved_points + redeemed_points"
                    " + expired_points + adjusted_points + reversed_points + transferred_points"
                ),
                name="lot_parts_sum_to_earned",
            ),
            CheckConstraint(
                check=(
                    "least(pending_points, open_points, reserved_points, redeemed_points, expired_points,"
                    " adjusted_points, reversed_points, transferred_points) >= 0"
                ),
                name="lot_parts_not_negative",
            ),
        ]


class LotMovement(Model):
    """What one entry moved within one lot: `points` from one column to another (`earned` is where lots begin)."""

    id = fields.BigIntField(primary_key=True)
    entry_id = fields.UUIDField()
    lot_id = fields.UUIDField()
    customer_id = fields.UUIDField()
    points = fields.BigIntField()
    from_part = fields.TextField()
    to_part = fields.TextField()

    class Meta:
        table = "lot_movement"
        indexes = [Index(fields=["entry_id"], name="lot_movement_entry")]
        constraints = [CheckConstraint(check="points > 0", name="lot_movement_points_positive")]


class Reservation(Model):
    """Units held for a checkout until `expires_at`. `state` is open, captured or voided."""

    id = fields.UUIDField(primary_key=True)
    wallet_id = fields.UUIDField()
    customer_id = fields.UUIDField()
    entry_id = fields.UUIDField()
    points = fields.BigIntField()
    state = fields.TextField()
    expires_at = fields.DatetimeField()
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "reservation"
        constraints = [CheckConstraint(check="state IN ('open','captured','voided')", name="reservation_state")]


class Adjustment(Model):
    """A correction by hand and its way through approval. `state` is posted, awaiting, approved or rejected."""

    id = fields.UUIDField(primary_key=True)
    customer_id = fields.UUIDField()
    unit = fields.TextField()
    points = fields.BigIntField()
    reason = fields.TextField()
    note = fields.TextField()
    state = fields.TextField()
    asked_by = fields.TextField()
    asked_at = fields.DatetimeField()
    decided_by = fields.TextField(null=True)
    decided_at = fields.DatetimeField(null=True)
    decision_note = fields.TextField(default="")
    entry_id = fields.UUIDField(null=True)

    class Meta:
        table = "adjustment"
        indexes = [
            Index(fields=["asked_by", "asked_at"], name="adjustment_asked_by"),
            Index(fields=["state", "asked_at"], name="adjustment_state"),
        ]
        constraints = [
            CheckConstraint(
                check="state IN ('posted','awaiting','approved','rejected')", name="adjustment_state_known"
            ),
            CheckConstraint(check="decided_by IS NULL OR decided_by <> asked_by", name="adjustment_four_eyes"),
        ]


class BalanceWatch(Model):
    """A customer whose balance somebody watches just now: the posting tells of changes only where one stands here."""

    id = fields.UUIDField(primary_key=True)
    customer_id = fields.UUIDField()
    watched_until = fields.DatetimeField()

    class Meta:
        table = "balance_watch"
        indexes = [Index(fields=["customer_id"], name="balance_watch_customer")]


class Unit(Model):
    """A unit that is collected. A programme opens its units before anybody can hold them."""

    code = fields.CharField(max_length=50, primary_key=True)
    opened_at = fields.DatetimeField()

    class Meta:
        table = "unit"
