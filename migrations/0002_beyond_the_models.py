"""What the models cannot say: partial and expression indexes, keys to rows above, and rows that never change.

Every statement can run twice: the record of a migration is written after its own transaction.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

STORAGE = """
ALTER TABLE wallet SET (fillfactor = 50);
ALTER TABLE lot SET (fillfactor = 80);
ALTER TABLE balance_watch SET UNLOGGED;
"""

INDEXES = """
CREATE INDEX IF NOT EXISTS lot_open ON lot (wallet_id, expires_at, sequence) WHERE open_points > 0;
CREATE INDEX IF NOT EXISTS lot_due_to_expire ON lot (expires_at) WHERE open_points > 0;
CREATE INDEX IF NOT EXISTS lot_due_for_release ON lot (available_at) WHERE pending_points > 0;
CREATE INDEX IF NOT EXISTS lot_entry ON lot (entry_id);
CREATE INDEX IF NOT EXISTS lot_order ON lot (wallet_id, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS lot_movement_lot ON lot_movement (lot_id);
CREATE INDEX IF NOT EXISTS reservation_open ON reservation (expires_at) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS reservation_wallet ON reservation (wallet_id);
CREATE INDEX IF NOT EXISTS entry_related ON entry (related_entry_id) WHERE related_entry_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS customer_search ON customer
    USING gin (array_to_tsvector(array_remove(string_to_array(search_text, ' '), '')));
"""

KEYS = """
ALTER TABLE wallet DROP CONSTRAINT IF EXISTS wallet_customer,
    ADD CONSTRAINT wallet_customer FOREIGN KEY (customer_id) REFERENCES customer (id);
ALTER TABLE entry DROP CONSTRAINT IF EXISTS entry_wallet,
    ADD CONSTRAINT entry_wallet FOREIGN KEY (wallet_id) REFERENCES wallet (id);
ALTER TABLE lot DROP CONSTRAINT IF EXISTS lot_wallet,
    ADD CONSTRAINT lot_wallet FOREIGN KEY (wallet_id) REFERENCES wallet (id);
ALTER TABLE lot_movement DROP CONSTRAINT IF EXISTS lot_movement_entry_key,
    ADD CONSTRAINT lot_movement_entry_key FOREIGN KEY (entry_id) REFERENCES entry (id);
ALTER TABLE lot_movement DROP CONSTRAINT IF EXISTS lot_movement_lot_key,
    ADD CONSTRAINT lot_movement_lot_key FOREIGN KEY (lot_id) REFERENCES lot (id);
"""

# The row locks that foreign keys take need UPDATE on at least one column, so `entry (id)` keeps it; the trigger
# refuses the update itself. A superuser is held by the trigger alone.
APPEND_ONLY = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Post a correcting entry instead.';
END
$$;

CREATE OR REPLACE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER lot_movement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lot_movement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER audit_record_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_record
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

REVOKE UPDATE, DELETE, TRUNCATE ON entry, lot_movement, audit_record FROM CURRENT_USER;
GRANT UPDATE (id) ON entry TO CURRENT_USER;
"""

UNDO = """
GRANT UPDATE, DELETE, TRUNCATE ON entry, lot_movement, audit_record TO CURRENT_USER;
DROP TRIGGER IF EXISTS entry_append_only ON entry;
DROP TRIGGER IF EXISTS lot_movement_append_only ON lot_movement;
DROP TRIGGER IF EXISTS audit_record_append_only ON audit_record;
DROP FUNCTION IF EXISTS refuse_change();
ALTER TABLE lot_movement DROP CONSTRAINT IF EXISTS lot_movement_entry_key;
ALTER TABLE lot_movement DROP CONSTRAINT IF EXISTS lot_movement_lot_key;
ALTER TABLE lot DROP CONSTRAINT IF EXISTS lot_wallet;
ALTER TABLE entry DROP CONSTRAINT IF EXISTS entry_wallet;
ALTER TABLE wallet DROP CONSTRAINT IF EXISTS wallet_customer;
DROP INDEX IF EXISTS lot_open, lot_due_to_expire, lot_due_for_release, lot_entry, lot_order, lot_movement_lot,
    reservation_open, reservation_wallet, entry_related, customer_search;
ALTER TABLE balance_watch SET LOGGED;
ALTER TABLE lot RESET (fillfactor);
ALTER TABLE wallet RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_first_shop")]

    operations = [ops.RunSQL(STORAGE + INDEXES + KEYS + APPEND_ONLY, reverse_sql=UNDO)]
