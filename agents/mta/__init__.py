"""Mail servers that an agent can command, one file each; each file registers itself by a name."""
