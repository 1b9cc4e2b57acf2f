-- What the console lists and counts without reading every report.

-- Reports and messages as the last digest told them; a storm is not counted anew for each page.
ALTER TABLE woken ADD COLUMN reports bigint NOT NULL DEFAULT 0,
    ADD COLUMN volume bigint NOT NULL DEFAULT 0;

-- How many tasks of an incident wait for a person, kept by the tasks themselves.
ALTER TABLE incidents ADD COLUMN tasks_waiting int NOT NULL DEFAULT 0;
UPDATE incidents i SET tasks_waiting =
    (SELECT count(*) FROM tasks t WHERE t.incident = i.id AND t.done_at IS NULL);

CREATE FUNCTION task_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.incident IS NOT NULL AND OLD.done_at IS NULL THEN
        UPDATE incidents SET tasks_waiting = tasks_waiting - 1 WHERE id = OLD.incident;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.incident IS NOT NULL AND NEW.done_at IS NULL THEN
        UPDATE incidents SET tasks_waiting = tasks_waiting + 1 WHERE id = NEW.incident;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER task_waits AFTER INSERT OR DELETE OR UPDATE OF incident, done_at ON tasks
    FOR EACH ROW EXECUTE FUNCTION task_waits();

-- The order in which the desk looks at what is open: what waits for a person, then by deadline.
CREATE INDEX incidents_by_urgency ON incidents
    ((tasks_waiting = 0), (coalesce(deadline, 'infinity')), opened_at, id)
    WHERE stage <> 'closed';
CREATE INDEX incidents_by_age ON incidents (opened_at DESC, id DESC);

CREATE INDEX measures_asked ON measures (incident, asked_at);
