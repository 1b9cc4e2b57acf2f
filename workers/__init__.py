"""The processes, and the `plazo` command line: what is composed with what.

`settings.py` reads the environment once. `incident_worker.py`, `dispatcher.py`, `gateway_server.py`
and `host_agent.py` are the processes of production; `stack.py` runs them all on one machine on the
servers of `embedded/`. `cli.py` is the front door, `commands/` has the commands, `demo/` the show.
Every process ends in `leave.py`.
"""
