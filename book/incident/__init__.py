"""One incident on record: how it stands, what it is told, its measures, tasks, audit chain."""
