"""Any SMTP relay: it wants nothing but, where a login is set up for it, that login."""

from agents.smarthosts.port import PLAIN, Kind, register

register(PLAIN, Kind())
