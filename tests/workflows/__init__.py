"""The story of an incident, on Temporal's own time-skipping server: days pass in milliseconds."""
