"""Mail in: the abuse mailbox over LMTP, SMTP and IMAP, and mail in files.

Nothing that comes by mail is refused because nobody understands it: it is kept for a person.
"""
