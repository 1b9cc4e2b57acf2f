"""How reports are understood, one file per format; each file registers itself by a name."""
