-- The ledger's one door: postings in, one result each, in one round trip. Specified in docs/ledger.md.
--
-- Set-based: a batch is cut into rounds in which every wallet has one posting, or one run of credits; each round is
-- one statement. A batch of orders for many customers is one round, and so is a single posting.

CREATE OR REPLACE FUNCTION ledger_post(asked jsonb, business_now timestamptz, actor text)
RETURNS TABLE (
    idx int, code text, entry_id uuid, entry_sequence bigint, points bigint, balance_after_points bigint,
    spendable_points bigint, owed_points bigint, lost_points bigint
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    one_round jsonb;
    one_posting jsonb;
    kinds text[];
BEGIN
    -- Wallets that credits need are made first, in key order, so that two batches wait for each other in one order.
    INSERT INTO wallet (id, customer_id, unit)
    SELECT gen_random_uuid(), needed.customer_id, needed.unit
    FROM (
        SELECT DISTINCT coalesce(p.to_customer_id, p.customer_id) AS customer_id, p.unit
        FROM jsonb_to_recordset(asked) AS p(kind text, customer_id uuid, to_customer_id uuid, unit text, points bigint)
        WHERE p.kind IN ('earn', 'transfer', 'clawback') OR p.kind = 'adjust' AND p.points > 0
        EXCEPT
        SELECT w.customer_id, w.unit
        FROM jsonb_to_recordset(asked) AS p(customer_id uuid, to_customer_id uuid, unit text)
        JOIN wallet w ON w.customer_id = coalesce(p.to_customer_id, p.customer_id) AND w.unit = p.unit
        ORDER BY 1, 2
    ) AS needed
    ON CONFLICT ON CONSTRAINT wallet_customer_unit DO NOTHING;

    PERFORM 1
    FROM wallet w
    WHERE (w.customer_id, w.unit) IN (
        SELECT p.customer_id, p.unit FROM jsonb_to_recordset(asked) AS p(customer_id uuid, unit text)
        UNION ALL
        SELECT p.to_customer_id, p.unit FROM jsonb_to_recordset(asked) AS p(to_customer_id uuid, unit text)
    )
    ORDER BY w.customer_id, w.unit
    FOR NO KEY UPDATE;

    FOR one_round, kinds IN
        SELECT jsonb_agg(r.posting ORDER BY r.idx), array_agg(DISTINCT r.step)
        FROM (
            SELECT q.posting, q.idx, q.step,
                CASE
                    -- A transfer touches two wallets: a batch with one goes posting by posting.
                    WHEN bool_or(q.step = 'transfer') OVER () THEN q.idx
                    ELSE sum(CASE WHEN q.step = 'credit' AND q.step_before = 'credit' THEN 0 ELSE 1 END)
                        OVER (PARTITION BY q.customer_id, q.unit ORDER BY q.idx)
                END AS round
            FROM (
                SELECT p.posting || jsonb_build_object('idx', p.idx) AS posting, p.idx, k.step,
                    p.posting->>'customer_id' AS customer_id, p.posting->>'unit' AS unit,
                    lag(k.step) OVER (
                        PARTITION BY p.posting->>'customer_id', p.posting->>'unit' ORDER BY p.idx
                    ) AS step_before
                FROM jsonb_array_elements(asked) WITH ORDINALITY AS p(posting, idx)
                CROSS JOIN LATERAL (
                    SELECT CASE
                        WHEN p.posting->>'kind' = 'earn' THEN 'credit'
                        WHEN p.posting->>'kind' = 'adjust' AND (p.posting->>'points')::bigint > 0 THEN 'credit'
                        WHEN p.posting->>'kind' = 'transfer' THEN 'transfer'
                        ELSE 'move'
                    END
                ) AS k(step)
            ) AS q
        ) AS r
        GROUP BY r.round
        ORDER BY r.round
    LOOP
        IF 'credit' = ANY (kinds) THEN
            IF jsonb_array_length(one_round) > 1 AND ledger_would_overflow(one_round) THEN
                -- Whether one is too large depends on which of those before it were: one by one.
                FOR one_posting IN SELECT jsonb_build_array(p.posting) FROM jsonb_array_elements(one_round) AS p(posting)
                LOOP
                    RETURN QUERY SELECT * FROM ledger_post_credits(one_posting, business_now, actor);
                END LOOP;
            ELSE
                RETURN QUERY SELECT * FROM ledger_post_credits(one_round, business_now, actor);
            END IF;
        END IF;
        IF 'move' = ANY (kinds) THEN
            RETURN QUERY SELECT * FROM ledger_post_moves(one_round, business_now, actor);
        END IF;
        IF 'transfer' = ANY (kinds) THEN
            RETURN QUERY SELECT * FROM ledger_post_transfer(one_round->0, business_now, actor);
        END IF;
    END LOOP;

    -- News of a balance goes only to those who watch it: a notification makes commits queue up.
    PERFORM pg_notify('balance', b.customer_id::text)
    FROM balance_watch b
    WHERE b.watched_until > now() AND b.customer_id IN (
        SELECT p.customer_id FROM jsonb_to_recordset(asked) AS p(customer_id uuid)
        UNION ALL
        SELECT p.to_customer_id FROM jsonb_to_recordset(asked) AS p(to_customer_id uuid)
    );
END;
$$;


-- Whether a wallet would pass its bound if all credits of a round were posted.
CREATE OR REPLACE FUNCTION ledger_would_overflow(asked jsonb) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM jsonb_to_recordset(asked) AS p(kind text, customer_id uuid, unit text, points bigint)
        JOIN wallet w ON w.customer_id = p.customer_id AND w.unit = p.unit
        WHERE p.kind = 'earn' OR p.kind = 'adjust' AND p.points > 0
        GROUP BY w.id
        HAVING w.available_points + w.pending_points + w.reserved_points + w.owed_points + sum(p.points)
            > 1000000000000000
    )
$$;


-- What an entry keeps of the posting it came from, beside its own columns: enough to replay it.
CREATE OR REPLACE FUNCTION ledger_kept(posting jsonb, business_now timestamptz) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT jsonb_strip_nulls(
        posting - '{idx,kind,customer_id,unit,entry_id,lot_made_id,external_reference,explanation,occurred_at}'::text[]
    ) || jsonb_build_object('now', business_now)
$$;


CREATE OR REPLACE FUNCTION ledger_post_credits(asked jsonb, business_now timestamptz, actor text)
RETURNS TABLE (
    idx int, code text, entry_id uuid, entry_sequence bigint, points bigint, balance_after_points bigint,
    spendable_points bigint, owed_points bigint, lost_points bigint
)
LANGUAGE sql
SET plan_cache_mode = force_generic_plan
AS $$
    WITH posting AS MATERIALIZED (
        SELECT p.*, e.posting AS whole, w.id AS wallet_id, w.version, w.lots_made, w.available_points AS available,
            w.owed_points AS owed,
            w.available_points + w.pending_points + w.reserved_points + w.owed_points AS held,
            known.id AS known_id, known.sequence AS known_sequence, known.points AS known_points,
            known.balance_after_points AS known_balance,
            p.kind = 'earn' AND (p.available_at IS NOT NULL OR p.awaits IS NOT NULL) AS pends
        FROM jsonb_array_elements(asked) AS e(posting)
        CROSS JOIN LATERAL jsonb_to_record(e.posting) AS p(
            idx int, kind text, customer_id uuid, unit text, points bigint, entry_id uuid, lot_made_id uuid,
            external_reference text, order_id uuid, related_entry_id uuid, explanation jsonb,
            occurred_at timestamptz, earned_at timestamptz, expires_at timestamptz, available_at timestamptz,
            awaits text
        )
        JOIN wallet w ON w.customer_id = p.customer_id AND w.unit = p.unit
        LEFT JOIN entry known ON known.external_reference = p.external_reference AND known.kind = p.kind
        WHERE p.kind = 'earn' OR p.kind = 'adjust' AND p.points > 0
    ),
    fresh AS MATERIALIZED (
        -- A posting that would pass the wallet's bound is refused; then it stands here alone.
        SELECT f.*,
            row_number() OVER in_wallet AS nth,
            sum(CASE WHEN f.pends THEN 0 ELSE f.points END) OVER in_wallet AS opened_to_here
        FROM (
            SELECT posting.*, sum(posting.points) OVER (PARTITION BY wallet_id ORDER BY idx) AS asked_to_here
            FROM posting
            WHERE known_id IS NULL
        ) AS f
        WHERE f.held + f.asked_to_here <= 1000000000000000
        WINDOW in_wallet AS (PARTITION BY f.wallet_id ORDER BY f.idx)
    ),
    credit AS MATERIALIZED (
        SELECT fresh.*,
            CASE WHEN pends THEN 0 ELSE points END AS opened,
            least(owed, opened_to_here)::bigint AS absorbed_to_here,
            (least(owed, opened_to_here)
                - least(owed, opened_to_here - CASE WHEN pends THEN 0 ELSE points END))::bigint AS absorbed
        FROM fresh
    ),
    lots AS (
        INSERT INTO lot (
            id, wallet_id, customer_id, sequence, entry_id, order_id, earned_points, pending_points, open_points,
            reversed_points, earned_at, expires_at, available_at, awaits
        )
        SELECT lot_made_id, wallet_id, customer_id, lots_made + nth, entry_id, order_id, points,
            points - opened, opened - absorbed, absorbed, coalesce(earned_at, business_now), expires_at, available_at,
            awaits
        FROM credit
        ORDER BY wallet_id, nth
    ),
    entries AS (
        INSERT INTO entry (
            id, wallet_id, customer_id, sequence, kind, points, contra, available_delta, pending_delta, reserved_delta,
            owed_delta, lifetime_earned_delta, lifetime_redeemed_delta, balance_after_points, occurred_at, recorded_at,
            expires_at, external_reference, order_id, related_entry_id, actor, explanation, asked
        )
        SELECT entry_id, wallet_id, customer_id, version + nth, kind, points,
            CASE kind WHEN 'earn' THEN 'issued' ELSE 'adjusted' END,
            opened - absorbed, points - opened, 0, -absorbed, CASE kind WHEN 'earn' THEN points ELSE 0 END, 0,
            available + opened_to_here - absorbed_to_here, coalesce(occurred_at, business_now), business_now,
            expires_at, external_reference, order_id, related_entry_id, actor,
            coalesce(explanation, '{}') || CASE
                WHEN absorbed > 0 THEN jsonb_build_object('absorbed_points', absorbed) ELSE '{}'
            END,
            ledger_kept(whole, business_now)
        FROM credit
        ORDER BY wallet_id, nth
    ),
    moved AS (
        INSERT INTO lot_movement (entry_id, lot_id, customer_id, points, from_part, to_part)
        SELECT entry_id, lot_made_id, customer_id, absorbed, 'open', 'reversed'
        FROM credit
        WHERE absorbed > 0
    ),
    wallets AS (
        UPDATE wallet w
        SET available_points = w.available_points + c.available, pending_points = w.pending_points + c.pending,
            owed_points = w.owed_points - c.absorbed,
            lifetime_earned_points = w.lifetime_earned_points + c.earned,
            version = w.version + c.made, lots_made = w.lots_made + c.made
        FROM (
            SELECT wallet_id, count(*) AS made, sum(opened - absorbed) AS available, sum(points - opened) AS pending,
                sum(absorbed) AS absorbed,
                coalesce(sum(points) FILTER (WHERE kind = 'earn'), 0) AS earned
            FROM credit
            GROUP BY wallet_id
        ) AS c
        WHERE w.id = c.wallet_id
    )
    SELECT p.idx,
        CASE WHEN p.known_id IS NOT NULL THEN 'exists' WHEN c.idx IS NULL THEN 'too_large' ELSE 'ok' END,
        CASE WHEN c.idx IS NULL THEN p.known_id ELSE p.entry_id END,
        coalesce(p.known_sequence, c.version + c.nth),
        coalesce(p.known_points, CASE WHEN c.idx IS NULL THEN 0 ELSE p.points END),
        coalesce(p.known_balance, c.available + c.opened_to_here - c.absorbed_to_here, p.available)::bigint,
        NULL::bigint, 0::bigint, 0::bigint
    FROM posting p
    LEFT JOIN credit c USING (idx)
$$;


CREATE OR REPLACE FUNCTION ledger_post_moves(asked jsonb, business_now timestamptz, actor text)
RETURNS TABLE (
    idx int, code text, entry_id uuid, entry_sequence bigint, points bigint, balance_after_points bigint,
    spendable_points bigint, owed_points bigint, lost_points bigint
)
LANGUAGE sql
SET plan_cache_mode = force_generic_plan
AS $$
    WITH posting AS MATERIALIZED (
        SELECT p.*, e.posting AS whole, w.id AS wallet_id, coalesce(w.version, 0) AS version,
            coalesce(w.available_points, 0) AS available, coalesce(w.owed_points, 0) AS owed,
            known.id AS known_id, known.sequence AS known_sequence, known.points AS known_points,
            known.balance_after_points AS known_balance,
            r.state AS reservation_state, r.expires_at AS reservation_expires_at,
            CASE p.kind
                WHEN 'reverse' THEN p.related_entry_id
                WHEN 'capture' THEN r.entry_id
                WHEN 'void' THEN r.entry_id
            END AS source_entry_id,
            abs(p.points) AS wanted
        FROM jsonb_array_elements(asked) AS e(posting)
        CROSS JOIN LATERAL jsonb_to_record(e.posting) AS p(
            idx int, kind text, customer_id uuid, unit text, points bigint, entry_id uuid, external_reference text,
            order_id uuid, related_entry_id uuid, explanation jsonb, occurred_at timestamptz, expires_at timestamptz,
            lot_id uuid, reservation_id uuid, reserved_until timestamptz, restored_until timestamptz,
            owing_allowed boolean
        )
        LEFT JOIN wallet w ON w.customer_id = p.customer_id AND w.unit = p.unit
        LEFT JOIN reservation r
            ON r.id = p.reservation_id AND r.wallet_id = w.id AND p.kind IN ('capture', 'void')
        LEFT JOIN entry known ON known.external_reference = p.external_reference AND known.kind = p.kind
        WHERE p.kind NOT IN ('earn', 'transfer') AND (p.kind <> 'adjust' OR p.points < 0)
    ),
    fresh AS (SELECT * FROM posting WHERE known_id IS NULL AND wallet_id IS NOT NULL),
    candidate AS (
        SELECT p.idx, l.id AS lot_id, l.expires_at, l.sequence, 1 AS step, 'open' AS from_part,
            CASE p.kind WHEN 'redeem' THEN 'redeemed' WHEN 'reserve' THEN 'reserved' ELSE 'adjusted' END AS to_part,
            l.open_points AS units
        FROM fresh p
        JOIN lot l ON l.wallet_id = p.wallet_id AND l.open_points > 0
            AND (l.expires_at IS NULL OR l.expires_at > business_now)
        WHERE p.kind IN ('redeem', 'reserve', 'adjust')
        UNION ALL
        SELECT p.idx, l.id, l.expires_at, l.sequence, part.step, part.from_part, 'reversed', part.units
        FROM fresh p
        JOIN lot l ON l.wallet_id = p.wallet_id AND l.order_id = p.order_id
        CROSS JOIN LATERAL (
            VALUES (1, 'pending', l.pending_points), (2, 'open', l.open_points), (3, 'expired', l.expired_points)
        ) AS part(step, from_part, units)
        WHERE p.kind = 'clawback' AND part.units > 0
        UNION ALL
        SELECT p.idx, l.id, l.expires_at, l.sequence, 4, 'open', 'reversed', l.open_points
        FROM fresh p
        JOIN lot l ON l.wallet_id = p.wallet_id AND l.open_points > 0 AND l.order_id IS DISTINCT FROM p.order_id
            AND (l.expires_at IS NULL OR l.expires_at > business_now)
        WHERE p.kind = 'clawback'
        UNION ALL
        SELECT p.idx, l.id, l.expires_at, l.sequence, 1, 'open', 'expired', l.open_points
        FROM fresh p
        JOIN lot l ON l.wallet_id = p.wallet_id AND l.expires_at = p.expires_at AND l.open_points > 0
        WHERE p.kind = 'expire' AND p.expires_at <= business_now
        UNION ALL
        SELECT p.idx, l.id, l.expires_at, l.sequence, 1, 'pending', 'open', l.pending_points
        FROM fresh p
        JOIN lot l ON l.id = p.lot_id AND l.wallet_id = p.wallet_id AND l.pending_points > 0
        WHERE p.kind = 'release'
        UNION ALL
        SELECT p.idx, l.id, l.expires_at, l.sequence, 1,
            CASE p.kind WHEN 'reverse' THEN 'redeemed' ELSE 'reserved' END,
            CASE p.kind WHEN 'capture' THEN 'redeemed' ELSE 'open' END, m.points
        FROM fresh p
        JOIN lot_movement m ON m.entry_id = p.source_entry_id
            AND m.to_part = CASE p.kind WHEN 'reverse' THEN 'redeemed' ELSE 'reserved' END
        JOIN lot l ON l.id = m.lot_id AND l.wallet_id = p.wallet_id
        WHERE p.kind = 'reverse' OR p.reservation_state = 'open'
    ),
    reached AS (
        SELECT c.*,
            sum(c.units) OVER (
                PARTITION BY c.idx ORDER BY c.step, c.expires_at NULLS LAST, c.sequence
            ) - c.units AS before
        FROM candidate c
    ),
    taken AS MATERIALIZED (
        SELECT r.idx, r.lot_id, r.expires_at, r.sequence, r.step, r.from_part, r.to_part,
            CASE
                WHEN p.kind IN ('redeem', 'reserve', 'adjust', 'clawback')
                    THEN least(r.units, greatest(p.wanted - r.before, 0))
                ELSE r.units
            END::bigint AS units
        FROM reached r
        JOIN fresh p USING (idx)
    ),
    total AS (
        SELECT idx, sum(units) AS units,
            coalesce(sum(units) FILTER (WHERE from_part = 'pending'), 0) AS from_pending,
            coalesce(sum(units) FILTER (WHERE from_part = 'open'), 0) AS from_open,
            coalesce(sum(units) FILTER (WHERE from_part = 'reserved'), 0) AS from_reserved,
            coalesce(sum(units) FILTER (WHERE from_part = 'expired'), 0) AS from_expired,
            coalesce(sum(units) FILTER (WHERE to_part = 'open'), 0) AS to_open,
            coalesce(sum(units) FILTER (WHERE to_part = 'reserved'), 0) AS to_reserved,
            coalesce(sum(units) FILTER (WHERE to_part = 'redeemed'), 0) AS to_redeemed
        FROM taken
        GROUP BY idx
    ),
    judged AS MATERIALIZED (
        SELECT p.*, coalesce(t.units, 0) AS units, coalesce(t.from_pending, 0) AS from_pending,
            coalesce(t.from_open, 0) AS from_open, coalesce(t.from_reserved, 0) AS from_reserved,
            coalesce(t.from_expired, 0) AS from_expired, coalesce(t.to_open, 0) AS to_open,
            coalesce(t.to_reserved, 0) AS to_reserved, coalesce(t.to_redeemed, 0) AS to_redeemed,
            least(p.owed, coalesce(t.to_open, 0)) AS absorbed,
            CASE WHEN p.kind = 'clawback' AND p.owing_allowed THEN p.wanted - coalesce(t.units, 0) ELSE 0 END AS owed_more,
            CASE
                WHEN p.known_id IS NOT NULL THEN 'exists'
                WHEN p.kind IN ('redeem', 'reserve', 'adjust') AND coalesce(t.units, 0) < p.wanted
                    THEN 'balance_too_low'
                WHEN p.kind IN ('capture', 'void') AND p.reservation_state IS DISTINCT FROM 'open'
                    THEN 'reservation_not_open'
                WHEN p.kind = 'capture' AND p.reservation_expires_at <= business_now THEN 'reservation_expired'
                WHEN p.kind = 'clawback' AND p.owing_allowed
                    AND p.owed + p.wanted - coalesce(t.units, 0) > 1000000000000000 THEN 'too_large'
                WHEN p.kind = 'expire' AND t.units IS NULL THEN 'nothing_due'
                WHEN p.kind = 'release' AND t.units IS NULL THEN 'nothing_pending'
                WHEN p.kind = 'reverse' AND EXISTS (
                    SELECT FROM entry e WHERE e.related_entry_id = p.related_entry_id AND e.kind = 'reverse'
                ) THEN 'already_reversed'
                WHEN p.kind = 'reverse' AND t.units IS NULL THEN 'nothing_to_reverse'
                WHEN p.wallet_id IS NULL THEN 'wallet_missing'
                ELSE 'ok'
            END AS code
        FROM posting p
        LEFT JOIN total t USING (idx)
    ),
    done AS MATERIALIZED (
        SELECT j.*,
            to_open - from_open - absorbed AS available_delta,
            -from_pending AS pending_delta,
            to_reserved - from_reserved AS reserved_delta,
            owed_more - absorbed AS owed_delta,
            CASE kind WHEN 'clawback' THEN -wanted ELSE 0 END AS lifetime_earned_delta,
            CASE kind WHEN 'reverse' THEN -units ELSE to_redeemed END AS lifetime_redeemed_delta,
            CASE
                WHEN kind IN ('redeem', 'reserve', 'adjust', 'expire') THEN -units
                WHEN kind IN ('release', 'void', 'reverse') THEN units
                WHEN kind = 'clawback' THEN -(from_pending + from_open + owed_more)
                ELSE 0
            END AS headline
        FROM judged j
        WHERE code = 'ok'
    ),
    absorbing AS (
        -- What is owed is taken from the units this entry opened, in lot order.
        SELECT t.idx, t.lot_id,
            (least(d.absorbed, t.to_here) - least(d.absorbed, t.to_here - t.units))::bigint AS units
        FROM (
            SELECT taken.*, sum(units) OVER (PARTITION BY idx ORDER BY expires_at NULLS LAST, sequence) AS to_here
            FROM taken
            WHERE to_part = 'open'
        ) AS t
        JOIN done d USING (idx)
        WHERE d.absorbed > 0
    ),
    moving AS MATERIALIZED (
        SELECT t.idx, t.lot_id, t.from_part, t.to_part, t.units, 1 AS leg, t.step, t.expires_at, t.sequence
        FROM taken t
        JOIN done USING (idx)
        WHERE t.units > 0
        UNION ALL
        SELECT a.idx, a.lot_id, 'open', 'reversed', a.units, 2, 0, NULL, 0
        FROM absorbing a
        WHERE a.units > 0
    ),
    lots AS (
        UPDATE lot l
        SET pending_points = l.pending_points - c.from_pending,
            open_points = l.open_points + c.to_open - c.from_open,
            reserved_points = l.reserved_points + c.to_reserved - c.from_reserved,
            redeemed_points = l.redeemed_points + c.to_redeemed - c.from_redeemed,
            expired_points = l.expired_points + c.to_expired - c.from_expired,
            adjusted_points = l.adjusted_points + c.to_adjusted,
            reversed_points = l.reversed_points + c.to_reversed,
            expires_at = CASE
                WHEN c.restored_until IS NOT NULL AND l.expires_at <= business_now
                    THEN greatest(l.expires_at, c.restored_until)
                ELSE l.expires_at
            END
        FROM (
            SELECT m.lot_id,
                coalesce(sum(m.units) FILTER (WHERE from_part = 'pending'), 0) AS from_pending,
                coalesce(sum(m.units) FILTER (WHERE from_part = 'open'), 0) AS from_open,
                coalesce(sum(m.units) FILTER (WHERE from_part = 'reserved'), 0) AS from_reserved,
                coalesce(sum(m.units) FILTER (WHERE from_part = 'redeemed'), 0) AS from_redeemed,
                coalesce(sum(m.units) FILTER (WHERE from_part = 'expired'), 0) AS from_expired,
                coalesce(sum(m.units) FILTER (WHERE to_part = 'open'), 0) AS to_open,
                coalesce(sum(m.units) FILTER (WHERE to_part = 'reserved'), 0) AS to_reserved,
                coalesce(sum(m.units) FILTER (WHERE to_part = 'redeemed'), 0) AS to_redeemed,
                coalesce(sum(m.units) FILTER (WHERE to_part = 'expired'), 0) AS to_expired,
                coalesce(sum(m.units) FILTER (WHERE to_part = 'adjusted'), 0) AS to_adjusted,
                coalesce(sum(m.units) FILTER (WHERE to_part = 'reversed'), 0) AS to_reversed,
                max(d.restored_until) FILTER (WHERE d.kind IN ('void', 'reverse')) AS restored_until
            FROM moving m
            JOIN done d USING (idx)
            GROUP BY m.lot_id
        ) AS c
        WHERE l.id = c.lot_id
    ),
    entries AS (
        INSERT INTO entry (
            id, wallet_id, customer_id, sequence, kind, points, contra, available_delta, pending_delta, reserved_delta,
            owed_delta, lifetime_earned_delta, lifetime_redeemed_delta, balance_after_points, occurred_at, recorded_at,
            expires_at, external_reference, order_id, related_entry_id, actor, explanation, asked
        )
        SELECT entry_id, wallet_id, customer_id, version + 1, kind, headline,
            CASE kind
                WHEN 'redeem' THEN 'redeemed' WHEN 'capture' THEN 'redeemed' WHEN 'reverse' THEN 'redeemed'
                WHEN 'expire' THEN 'expired' WHEN 'adjust' THEN 'adjusted' WHEN 'clawback' THEN 'reversed'
                ELSE 'none'
            END,
            available_delta, pending_delta, reserved_delta, owed_delta, lifetime_earned_delta, lifetime_redeemed_delta,
            available + available_delta, coalesce(occurred_at, business_now), business_now, expires_at,
            external_reference, order_id, coalesce(related_entry_id, source_entry_id), actor,
            coalesce(explanation, '{}')
                || CASE WHEN absorbed > 0 THEN jsonb_build_object('absorbed_points', absorbed) ELSE '{}' END
                || CASE
                    WHEN kind = 'clawback' THEN jsonb_build_object(
                        'taken_points', from_pending + from_open, 'lost_points', from_expired, 'owed_points', owed_more
                    )
                    ELSE '{}'
                END,
            ledger_kept(whole, business_now)
        FROM done
    ),
    moved AS (
        INSERT INTO lot_movement (entry_id, lot_id, customer_id, points, from_part, to_part)
        SELECT d.entry_id, m.lot_id, d.customer_id, m.units, m.from_part, m.to_part
        FROM moving m
        JOIN done d USING (idx)
        ORDER BY m.idx, m.leg, m.step, m.expires_at NULLS LAST, m.sequence
    ),
    wallets AS (
        UPDATE wallet w
        SET available_points = w.available_points + d.available_delta,
            pending_points = w.pending_points + d.pending_delta,
            reserved_points = w.reserved_points + d.reserved_delta,
            owed_points = w.owed_points + d.owed_delta,
            lifetime_earned_points = w.lifetime_earned_points + d.lifetime_earned_delta,
            lifetime_redeemed_points = w.lifetime_redeemed_points + d.lifetime_redeemed_delta,
            version = w.version + 1
        FROM done d
        WHERE w.id = d.wallet_id
    ),
    reserved AS (
        INSERT INTO reservation (id, wallet_id, customer_id, entry_id, points, state, expires_at)
        SELECT reservation_id, wallet_id, customer_id, entry_id, units, 'open', reserved_until
        FROM done
        WHERE kind = 'reserve'
    ),
    closed AS (
        UPDATE reservation r
        SET state = CASE d.kind WHEN 'capture' THEN 'captured' ELSE 'voided' END, closed_at = business_now
        FROM done d
        WHERE r.id = d.reservation_id AND d.kind IN ('capture', 'void')
    )
    SELECT j.idx,
        CASE
            WHEN j.code = 'wallet_missing' THEN CASE j.kind
                WHEN 'redeem' THEN 'balance_too_low' WHEN 'reserve' THEN 'balance_too_low'
                WHEN 'adjust' THEN 'balance_too_low' WHEN 'expire' THEN 'nothing_due'
                WHEN 'release' THEN 'nothing_pending' WHEN 'reverse' THEN 'nothing_to_reverse'
                ELSE 'wallet_missing'
            END
            ELSE j.code
        END,
        CASE WHEN d.idx IS NULL THEN j.known_id ELSE j.entry_id END,
        coalesce(j.known_sequence, CASE WHEN d.idx IS NOT NULL THEN j.version + 1 END),
        coalesce(j.known_points, d.headline, 0)::bigint,
        coalesce(j.known_balance, j.available + coalesce(d.available_delta, 0))::bigint,
        CASE WHEN j.code = 'balance_too_low' THEN j.units::bigint END,
        coalesce(d.owed_more, 0)::bigint,
        coalesce(d.from_expired, 0)::bigint
    FROM judged j
    LEFT JOIN done d USING (idx)
$$;


CREATE OR REPLACE FUNCTION ledger_post_transfer(asked jsonb, business_now timestamptz, actor text)
RETURNS TABLE (
    idx int, code text, entry_id uuid, entry_sequence bigint, points bigint, balance_after_points bigint,
    spendable_points bigint, owed_points bigint, lost_points bigint
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_variable
DECLARE
    p record;
    giver wallet;
    taker wallet;
    known entry;
    all_of_it boolean;
    moved_open bigint;
    moved_pending bigint;
    moved_owed bigint := 0;
    moved_earned bigint := 0;
    moved_redeemed bigint := 0;
    absorbed bigint;
    net bigint;
BEGIN
    SELECT * INTO p FROM jsonb_to_record(asked) AS r(
        idx int, customer_id uuid, to_customer_id uuid, unit text, points bigint, entry_id uuid,
        related_entry_id uuid, external_reference text, explanation jsonb, occurred_at timestamptz
    );
    all_of_it := p.points IS NULL;
    SELECT * INTO known FROM entry e WHERE e.external_reference = p.external_reference AND e.kind = 'transfer_out';
    IF FOUND THEN
        RETURN QUERY SELECT p.idx, 'exists', known.id, known.sequence, known.points, known.balance_after_points,
            NULL::bigint, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    SELECT * INTO giver FROM wallet w WHERE w.customer_id = p.customer_id AND w.unit = p.unit;
    SELECT * INTO taker FROM wallet w WHERE w.customer_id = p.to_customer_id AND w.unit = p.unit;
    IF giver.id IS NULL THEN
        RETURN QUERY SELECT p.idx, CASE WHEN all_of_it THEN 'nothing_to_transfer' ELSE 'balance_too_low' END,
            NULL::uuid, NULL::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    IF all_of_it THEN
        IF giver.reserved_points > 0 THEN
            RETURN QUERY SELECT p.idx, 'reserved_units', NULL::uuid, NULL::bigint, 0::bigint, giver.available_points,
                NULL::bigint, 0::bigint, 0::bigint;
            RETURN;
        END IF;
        moved_open := giver.available_points;
        moved_pending := giver.pending_points;
        moved_owed := giver.owed_points;
        moved_earned := giver.lifetime_earned_points;
        moved_redeemed := giver.lifetime_redeemed_points;
        IF moved_open = 0 AND moved_pending = 0 AND moved_owed = 0 AND moved_earned = 0 AND moved_redeemed = 0 THEN
            RETURN QUERY SELECT p.idx, 'nothing_to_transfer', NULL::uuid, NULL::bigint, 0::bigint, 0::bigint,
                NULL::bigint, 0::bigint, 0::bigint;
            RETURN;
        END IF;
    ELSE
        SELECT coalesce(sum(l.open_points), 0) INTO moved_open
        FROM lot l
        WHERE l.wallet_id = giver.id AND l.open_points > 0 AND (l.expires_at IS NULL OR l.expires_at > business_now);
        IF moved_open < p.points THEN
            RETURN QUERY SELECT p.idx, 'balance_too_low', NULL::uuid, NULL::bigint, 0::bigint, giver.available_points,
                moved_open, 0::bigint, 0::bigint;
            RETURN;
        END IF;
        moved_open := p.points;
        moved_pending := 0;
    END IF;
    IF taker.available_points + taker.pending_points + taker.reserved_points + taker.owed_points
        + moved_open + moved_pending + moved_owed > 1000000000000000
    THEN
        RETURN QUERY SELECT p.idx, 'too_large', NULL::uuid, NULL::bigint, 0::bigint, giver.available_points,
            NULL::bigint, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    net := moved_open + moved_pending - moved_owed;
    absorbed := least(taker.owed_points + moved_owed, moved_open);

    INSERT INTO entry (
        id, wallet_id, customer_id, sequence, kind, points, contra, available_delta, pending_delta, reserved_delta,
        owed_delta, lifetime_earned_delta, lifetime_redeemed_delta, balance_after_points, occurred_at, recorded_at,
        external_reference, related_entry_id, actor, explanation, asked
    )
    VALUES (
        p.entry_id, giver.id, p.customer_id, giver.version + 1, 'transfer_out', -net, 'transferred', -moved_open,
        -moved_pending, 0, -moved_owed, -moved_earned, -moved_redeemed, giver.available_points - moved_open,
        coalesce(p.occurred_at, business_now), business_now, p.external_reference, p.related_entry_id, actor,
        coalesce(p.explanation, '{}'), ledger_kept(asked, business_now)
    ), (
        p.related_entry_id, taker.id, p.to_customer_id, taker.version + 1, 'transfer_in', net, 'transferred',
        moved_open - absorbed, moved_pending, 0, moved_owed - absorbed, moved_earned, moved_redeemed,
        taker.available_points + moved_open - absorbed, coalesce(p.occurred_at, business_now), business_now,
        p.external_reference, p.entry_id, actor,
        coalesce(p.explanation, '{}')
            || CASE WHEN absorbed > 0 THEN jsonb_build_object('absorbed_points', absorbed) ELSE '{}' END,
        ledger_kept(asked, business_now)
    );

    WITH source AS (
        SELECT l.*, sum(l.open_points) OVER (ORDER BY l.expires_at NULLS LAST, l.sequence) - l.open_points AS before
        FROM lot l
        WHERE l.wallet_id = giver.id
            AND CASE
                WHEN all_of_it THEN l.open_points > 0 OR l.pending_points > 0
                ELSE l.open_points > 0 AND (l.expires_at IS NULL OR l.expires_at > business_now)
            END
    ),
    leaving AS MATERIALIZED (
        SELECT s.*, gen_random_uuid() AS new_id,
            row_number() OVER (ORDER BY s.expires_at NULLS LAST, s.sequence) AS nth,
            least(s.open_points, greatest(moved_open - s.before, 0))::bigint AS opening,
            CASE WHEN all_of_it THEN s.pending_points ELSE 0 END AS pending
        FROM source s
        WHERE all_of_it OR s.before < moved_open
    ),
    arriving AS MATERIALIZED (
        SELECT l.*,
            (least(absorbed, sum(opening) OVER (ORDER BY nth))
                - least(absorbed, sum(opening) OVER (ORDER BY nth) - opening))::bigint AS absorbing
        FROM leaving l
    ),
    left_lots AS (
        UPDATE lot l
        SET open_points = l.open_points - a.opening, pending_points = l.pending_points - a.pending,
            transferred_points = l.transferred_points + a.opening + a.pending
        FROM arriving a
        WHERE l.id = a.id
    ),
    new_lots AS (
        INSERT INTO lot (
            id, wallet_id, customer_id, sequence, entry_id, order_id, earned_points, pending_points, open_points,
            reversed_points, earned_at, expires_at, available_at, awaits
        )
        SELECT new_id, taker.id, p.to_customer_id, taker.lots_made + nth, p.related_entry_id, order_id,
            opening + pending, pending, opening - absorbing, absorbing, earned_at, expires_at, available_at, awaits
        FROM arriving
        ORDER BY nth
    ),
    left_wallet AS (
        UPDATE wallet w
        SET available_points = w.available_points - moved_open, pending_points = w.pending_points - moved_pending,
            owed_points = w.owed_points - moved_owed,
            lifetime_earned_points = w.lifetime_earned_points - moved_earned,
            lifetime_redeemed_points = w.lifetime_redeemed_points - moved_redeemed, version = w.version + 1
        WHERE w.id = giver.id
    ),
    joined_wallet AS (
        UPDATE wallet w
        SET available_points = w.available_points + moved_open - absorbed,
            pending_points = w.pending_points + moved_pending,
            owed_points = w.owed_points + moved_owed - absorbed,
            lifetime_earned_points = w.lifetime_earned_points + moved_earned,
            lifetime_redeemed_points = w.lifetime_redeemed_points + moved_redeemed, version = w.version + 1,
            lots_made = w.lots_made + (SELECT count(*) FROM arriving)
        WHERE w.id = taker.id
    )
    INSERT INTO lot_movement (entry_id, lot_id, customer_id, points, from_part, to_part)
    SELECT m.entry_id, m.lot_id, m.customer_id, m.units, m.from_part, m.to_part
    FROM (
        SELECT p.entry_id AS entry_id, id AS lot_id, p.customer_id AS customer_id, pending AS units,
            'pending' AS from_part, 'transferred' AS to_part, 1 AS leg, nth
        FROM arriving
        UNION ALL
        SELECT p.entry_id, id, p.customer_id, opening, 'open', 'transferred', 2, nth FROM arriving
        UNION ALL
        SELECT p.related_entry_id, new_id, p.to_customer_id, absorbing, 'open', 'reversed', 3, nth FROM arriving
    ) AS m
    WHERE m.units > 0
    ORDER BY m.leg, m.nth;

    RETURN QUERY SELECT p.idx, 'ok', p.entry_id, giver.version + 1, -net, giver.available_points - moved_open,
        NULL::bigint, 0::bigint, 0::bigint;
END;
$$;
