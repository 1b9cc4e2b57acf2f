"""One outbreak is told once, and then once an hour at most, until an hour of calm ends it."""

from dataclasses import dataclass, replace

from domain.detection.traffic import HOUR


@dataclass(frozen=True, kw_only=True)
class Outbreak:
    """From the first hour over a limit to the end of an hour of calm; moments in Unix seconds."""

    began_at: int
    told_at: int
    told: int = 1
    """How often it was told of."""
    calm_since: int | None = None


def follow(
    outbreak: Outbreak | None, *, over: bool, is_calm: bool, now: int
) -> tuple[Outbreak | None, bool]:
    """The outbreak as it stands now, and whether to tell of it.

    Once when it begins; then, while it is over its limit, once an hour at most.
    """
    if outbreak is None:
        return (Outbreak(began_at=now, told_at=now), True) if over else (None, False)
    if over:
        going = replace(outbreak, calm_since=None)
        if now - outbreak.told_at < HOUR:
            return going, False
        return replace(going, told_at=now, told=outbreak.told + 1), True
    if not is_calm:
        return replace(outbreak, calm_since=None), False
    since = now if outbreak.calm_since is None else outbreak.calm_since
    if now - since >= HOUR:
        return None, False
    return replace(outbreak, calm_since=since), False
