"""The book of record: every word that is said to PostgreSQL, and nothing else.

Activities and the gateway read and write incidents through here, so that one table has one place
where it is spoken to. Functions take a connection or a pool and give the domain's own types.
"""
