"""Properties are tried without a clock: a busy machine is no counterexample."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None, database=None)
settings.load_profile("untimed")
