"""Words and rules: incident, contract, ladder, measures, money.

Everything here is a pure function of what it is given. No input or output, no clock, no engine:
`import-linter` holds that, and it is why every rule of the policy can be tested in microseconds.
"""
