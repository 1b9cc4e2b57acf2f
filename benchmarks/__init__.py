"""What the README's figures are measured with: `python -m benchmarks [NAME …]`, or `make bench`.

Every figure comes from a real run on this machine: real servers, real mail, no simulated clock.
`table.py` says what a row means. `place.py`, `world.py`, `clientele.py` are where it runs;
`bare.py` is what it is held against. One file for each benchmark: `incidents.py`, `history.py`,
`engine.py`, `waiting.py`.
"""
