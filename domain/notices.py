"""Every message that a direct client can get. Each has a text and an HTML template per language."""

from enum import StrEnum


class Notice(StrEnum):
    """Names of the templates under `templates/notices/<language>/`."""

    DEADLINE = "deadline"
    """What to do and by when; the first message of an incident with a deadline."""
    REMINDER = "reminder"
    DEADLINE_MOVED = "deadline_moved"
    RESTRICTED = "restricted"
    """A measure is in force, why, and how to have it lifted."""
    STILL_RESTRICTED = "still_restricted"
    FINAL_NOTICE = "final_notice"
    """Nobody has answered: the provider will decide on ending the service."""
    NOT_FIXED = "not_fixed"
    """The client said fixed, and offending mail was still seen."""
    RELEASED = "released"
    """The measure is lifted; probation begins."""
    RELAPSE = "relapse"
    """Offending mail in probation: the measure is back at once."""
    FINAL_REPORT = "final_report"
    APOLOGY = "apology"
    """It was a false positive."""
    ENDED = "ended"
    """The incident was closed by a person: withdrawn, or the service terminated."""
