"""The rules, held to the policy: tables of cases, and properties of all that can be."""
