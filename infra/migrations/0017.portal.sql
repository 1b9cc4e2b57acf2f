-- Links to the portal are signed and not kept. Of each incident only the number of the issue is: links
-- of an earlier one open nothing any more.
ALTER TABLE incidents ADD COLUMN link_issue int NOT NULL DEFAULT 1 CHECK (link_issue > 0);
