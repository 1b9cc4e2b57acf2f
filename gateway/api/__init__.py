"""`/v1`: all that the console shows and does, as JSON, for programs with a token of a user's."""
