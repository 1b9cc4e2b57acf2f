"""Smarthosts that outgoing mail is redirected through, one file each, registered by a name."""
