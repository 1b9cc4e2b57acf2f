-- The ledger: charges, and what takes them back. Appended to and never changed; whatever the program
-- shows is a sum of its rows, and the database itself refuses what would make a sum wrong.

-- ISO 4217, list one: how many decimals an amount can have. domain/money/currencies.py says the same.
CREATE TABLE currencies (
    code      text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
    decimals  int NOT NULL CHECK (decimals BETWEEN 0 AND 4)
);
INSERT INTO currencies SELECT code, 2 FROM unnest(string_to_array(
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD '
    'CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS '
    'GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD '
    'LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB '
    'PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP '
    'SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG',
    ' ')) AS code;
INSERT INTO currencies SELECT code, 0 FROM unnest(string_to_array(
    'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF', ' ')) AS code;
INSERT INTO currencies SELECT code, 3 FROM unnest(string_to_array(
    'BHD IQD JOD KWD LYD OMR TND', ' ')) AS code;
INSERT INTO currencies VALUES ('CLF', 4), ('UYW', 4);
-- What was charged before stays, whatever it was called.
INSERT INTO currencies SELECT DISTINCT currency, 2 FROM charges ON CONFLICT DO NOTHING;

CREATE TABLE ledger (
    number      bigint GENERATED ALWAYS AS IDENTITY,
    key         text PRIMARY KEY,    -- of the effect: incident/kind/n, charge/credit/n, charge/void
    entry       text NOT NULL CHECK (entry IN ('charge', 'credit', 'void')),
    of          text REFERENCES ledger (key),  -- the charge that a credit or void is about
    incident    text NOT NULL REFERENCES incidents,
    client      text NOT NULL REFERENCES clients,
    contract    text NOT NULL REFERENCES contracts,
    clause      text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('delisting', 'smarthost', 'dedicated_address',
                    'staff_time')),
    quantity    numeric NOT NULL CHECK (abs(quantity) < 1e12),
    unit        text NOT NULL CHECK (unit IN ('incident', 'thousand', 'month', 'hour', 'lump',
                    'adjustment')),
    unit_price  numeric NOT NULL CHECK (unit_price >= 0 AND unit_price < 1e15),
    amount      numeric NOT NULL CHECK (abs(amount) < 1e15),
    before_cap  numeric CHECK (before_cap < 1e15),  -- NULL: the contract's cap cut nothing
    currency    text NOT NULL REFERENCES currencies,
    reason      text NOT NULL CHECK (reason <> ''),
    by          text NOT NULL CHECK (by <> ''),
    evidence    jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(evidence) = 'array'),
    entered_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((of IS NULL) = (entry = 'charge')),
    CHECK (CASE entry WHEN 'charge' THEN amount >= 0 AND quantity >= 0
               WHEN 'credit' THEN amount < 0 ELSE amount <= 0 END),
    CHECK (before_cap IS NULL OR (entry = 'charge' AND before_cap > amount))
);
CREATE UNIQUE INDEX ledger_in_order ON ledger (number);
CREATE UNIQUE INDEX one_void_per_charge ON ledger (of) WHERE entry = 'void';
CREATE INDEX ledger_of_charge ON ledger (of) WHERE of IS NOT NULL;
CREATE INDEX ledger_of_incident ON ledger (incident);
CREATE INDEX ledger_of_client ON ledger (client, entered_at);
CREATE INDEX ledger_of_contract ON ledger (contract, entered_at);

-- A dedicated address that was agreed to: each month that begins while it is in force is charged,
-- also after its incident has closed.
CREATE TABLE dedicated_addresses (
    incident   text PRIMARY KEY REFERENCES incidents,
    since      timestamptz NOT NULL,
    until      timestamptz CHECK (until >= since),
    ended_by   text,
    ended_why  text,
    CHECK ((until IS NULL) = (ended_by IS NULL) AND (until IS NULL) = (ended_why IS NULL))
);
CREATE INDEX dedicated_addresses_in_force ON dedicated_addresses (incident) WHERE until IS NULL;

-- The old rows, as entries. What an old smarthost charge counted was not kept, so it is a lump.
-- No dedicated address is taken over as an agreement: nobody was told that months would follow.
INSERT INTO ledger (key, entry, incident, client, contract, clause, kind, quantity, unit,
    unit_price, amount, currency, reason, by, evidence, entered_at)
SELECT c.key, 'charge', c.incident, i.client, i.contract, coalesce(t.terms ->> 'clause', ''),
    c.kind, 1, CASE c.kind WHEN 'delisting' THEN 'incident' WHEN 'dedicated_address' THEN 'month'
        ELSE 'lump' END,
    round(c.minor / 100.0, 2), round(c.minor / 100.0, 2), c.currency,
    coalesce(nullif(c.reason, ''), c.kind), 'plazo',
    coalesce(CASE c.kind
        WHEN 'delisting' THEN (SELECT jsonb_agg(jsonb_build_object('what', 'listing',
                'ref', host(l.address) || ' ' || l.zone) ORDER BY l.address, l.zone)
            FROM listings l WHERE l.incident = c.incident)
        WHEN 'smarthost' THEN (SELECT jsonb_agg(jsonb_build_object('what', 'meter',
                'ref', m.key || ': ' || m.relayed) ORDER BY m.key)
            FROM measures m WHERE m.incident = c.incident AND m.measure = 'smarthost_redirect')
        END, '[]'), c.charged_at
FROM charges c JOIN incidents i ON i.id = c.incident JOIN contracts t ON t.id = i.contract
ORDER BY c.charged_at, c.key;
INSERT INTO ledger (key, entry, of, incident, client, contract, clause, kind, quantity, unit,
    unit_price, amount, currency, reason, by, entered_at)
SELECT l.key || CASE c.state WHEN 'waived' THEN '/waived' ELSE '/void' END,
    CASE c.state WHEN 'waived' THEN 'credit' ELSE 'void' END, l.key, l.incident, l.client,
    l.contract, l.clause, l.kind, -1, 'adjustment', l.amount, -l.amount, l.currency,
    coalesce(nullif(c.state_why, ''), c.state), coalesce(nullif(c.state_by, ''), 'plazo'),
    l.entered_at
FROM ledger l JOIN charges c ON c.key = l.key
WHERE c.state = 'voided' OR (c.state = 'waived' AND l.amount > 0)
ORDER BY l.number;
DROP TABLE charges;

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on the ledger is refused: it is append-only; enter a credit or a void', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

CREATE FUNCTION ledger_refuses(why text, refused text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger entry % is refused: %', refused, why USING ERRCODE = 'check_violation';
END $$;

-- What is left of a charge once its credits and its void are taken off.
CREATE FUNCTION ledger_left(charge text) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT sum(amount) FROM ledger WHERE key = charge OR of = charge
$$;

CREATE FUNCTION ledger_admits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about     incidents%ROWTYPE;
    charge    ledger%ROWTYPE;
    other     text;
    remains   numeric;
    places    int;
BEGIN
    -- An older snapshot would not see what another transaction has entered meanwhile.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM ledger_refuses('the ledger is written in READ COMMITTED transactions', NEW.key);
    END IF;
    -- One entry at a time for an incident, then for a contract: always in this order.
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.incident, 2));
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.contract, 4));
    IF EXISTS (SELECT FROM ledger WHERE key = NEW.key) THEN
        RETURN NEW;  -- the same effect again: the key refuses it, or ON CONFLICT passes it over
    END IF;
    SELECT decimals INTO places FROM currencies WHERE code = NEW.currency;
    IF places IS NULL THEN
        PERFORM ledger_refuses(format('%s is no currency of ISO 4217', NEW.currency), NEW.key);
    ELSIF NEW.amount <> round(NEW.amount, places) OR NEW.before_cap <> round(NEW.before_cap, places)
    THEN
        PERFORM ledger_refuses(format('%s has %s decimals, and %s more', NEW.currency, places,
            trim_scale(NEW.amount)), NEW.key);
    END IF;
    NEW.amount := round(NEW.amount, places);
    NEW.before_cap := round(NEW.before_cap, places);
    SELECT currency INTO other FROM ledger
        WHERE contract = NEW.contract AND currency <> NEW.currency LIMIT 1;
    IF other IS NOT NULL THEN
        PERFORM ledger_refuses(format('contract %s is charged in %s, not in %s', NEW.contract,
            other, NEW.currency), NEW.key);
    END IF;
    SELECT * INTO about FROM incidents WHERE id = NEW.incident;
    IF (about.client, about.contract) IS DISTINCT FROM (NEW.client, NEW.contract) THEN
        PERFORM ledger_refuses(format('incident %s is of client %s and contract %s', NEW.incident,
            about.client, about.contract), NEW.key);
    END IF;
    IF NEW.entry = 'charge' THEN
        -- After the end come the months of a dedicated address, and a smarthost's late figures.
        IF about.barred AND NOT (coalesce(about.outcome IN ('remediated', 'terminated'), false)
            AND (NEW.kind = 'smarthost' OR (NEW.kind = 'dedicated_address' AND EXISTS (SELECT
                FROM dedicated_addresses WHERE incident = NEW.incident AND until IS NULL)))) THEN
            PERFORM ledger_refuses(format('incident %s has ended', NEW.incident), NEW.key);
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO charge FROM ledger WHERE key = NEW.of;
    IF charge.entry IS DISTINCT FROM 'charge' THEN
        PERFORM ledger_refuses(format('%s is no charge', NEW.of), NEW.key);
    ELSIF (charge.incident, charge.kind) <> (NEW.incident, NEW.kind) THEN
        PERFORM ledger_refuses(format('%s is a %s charge of %s', NEW.of, charge.kind,
            charge.incident), NEW.key);
    ELSIF EXISTS (SELECT FROM ledger WHERE of = NEW.of AND entry = 'void') THEN
        PERFORM ledger_refuses(format('%s is void already', NEW.of), NEW.key);
    END IF;
    remains := ledger_left(NEW.of);
    IF NEW.entry = 'credit' AND -NEW.amount > remains THEN
        PERFORM ledger_refuses(format('%s %s is left of %s, less than %s', remains, NEW.currency,
            NEW.of, -NEW.amount), NEW.key);
    ELSIF NEW.entry = 'void' AND -NEW.amount <> remains THEN
        PERFORM ledger_refuses(format('a void takes back all that is left of %s, %s %s', NEW.of,
            remains, NEW.currency), NEW.key);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER admits BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_admits();

-- Sums of rows: of a client altogether where `incident` is NULL, and of each of its incidents.
CREATE VIEW balances AS
SELECT client, incident, currency, count(*) AS entries,
    coalesce(sum(amount) FILTER (WHERE entry = 'charge'), 0) AS charged,
    coalesce(sum(amount) FILTER (WHERE entry = 'credit'), 0) AS credited,
    coalesce(sum(amount) FILTER (WHERE entry = 'void'), 0) AS voided,
    sum(amount) AS balance
FROM ledger GROUP BY GROUPING SETS ((client, currency), (client, incident, currency));

-- A charge that the client disputes: its incident goes on, and it is not sent until this is settled.
CREATE TABLE disputes (
    key         text PRIMARY KEY,    -- charge/dispute/n
    charge      text NOT NULL REFERENCES ledger (key),
    opened_by   text NOT NULL CHECK (opened_by <> ''),
    why         text NOT NULL CHECK (why <> ''),
    opened_at   timestamptz NOT NULL DEFAULT now(),
    settled_by  text,
    settlement  text CHECK (settlement IN ('upheld', 'withdrawn', 'credited')),
    settled_why text,
    settled_at  timestamptz,
    CHECK (num_nulls(settled_by, settlement, settled_why, settled_at) IN (0, 4))
);
CREATE UNIQUE INDEX one_open_dispute_per_charge ON disputes (charge) WHERE settled_at IS NULL;
CREATE INDEX disputes_of_charge ON disputes (charge);

CREATE FUNCTION dispute_admits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ledger WHERE key = NEW.charge AND entry = 'charge') THEN
        RAISE EXCEPTION 'dispute % is refused: % is no charge', NEW.key, NEW.charge
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER admits BEFORE INSERT ON disputes FOR EACH ROW EXECUTE FUNCTION dispute_admits();

CREATE FUNCTION disputes_are_settled_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.settled_at IS NULL AND NEW.settled_at IS NOT NULL AND
        (NEW.key, NEW.charge, NEW.opened_by, NEW.why, NEW.opened_at)
        = (OLD.key, OLD.charge, OLD.opened_by, OLD.why, OLD.opened_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% on disputes is refused: a dispute is opened, and settled once', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER settled_once BEFORE UPDATE OR DELETE ON disputes
    FOR EACH ROW EXECUTE FUNCTION disputes_are_settled_once();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON disputes
    FOR EACH STATEMENT EXECUTE FUNCTION disputes_are_settled_once();

-- Each charge with what is left of it, and what is to become of that.
CREATE VIEW charges AS
SELECT c.*, c.amount + coalesce(t.taken, 0) AS remains,
    CASE WHEN t.void THEN 'voided'
        WHEN c.amount > 0 AND c.amount + t.taken = 0 THEN
            CASE WHEN t.waived THEN 'waived' ELSE 'credited' END
        WHEN d.by IS NOT NULL THEN 'disputed'
        ELSE 'due' END AS state,
    coalesce(w.by, d.by) AS state_by, coalesce(w.reason, d.why) AS state_why
FROM ledger c LEFT JOIN LATERAL (
    SELECT sum(amount) AS taken, bool_or(entry = 'void') AS void,
        bool_or(key = c.key || '/waived') AS waived
    FROM ledger WHERE of = c.key) t ON true
LEFT JOIN LATERAL (SELECT by, reason FROM ledger WHERE of = c.key ORDER BY number DESC LIMIT 1) w
    ON true
LEFT JOIN LATERAL (SELECT opened_by AS by, why FROM disputes
    WHERE charge = c.key AND settled_at IS NULL) d ON true
WHERE c.entry = 'charge';
