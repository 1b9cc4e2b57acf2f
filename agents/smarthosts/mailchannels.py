"""MailChannels: `mailchannels:smtp.mailchannels.net:587` (also on 25 and 2525).

It takes mail only with a login and over TLS, and tells a host's senders apart by a header field,
so that it can stop one and not all (docs.mailchannels.com/outbound/mta/setup-postfix). A message
without the field counts as forwarded mail.
"""

from agents.smarthosts.port import Kind, register

register("mailchannels", Kind(needs_login=True, identity_headers=("X-AuthUser",)))
