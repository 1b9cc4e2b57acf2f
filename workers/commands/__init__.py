"""The commands of `plazo`, one file for what belongs together.

`reach.py` opens what a command needs, `say.py` is how commands speak.
"""
