"""The host's key as systemd hands it over: a file that only this process can read.

`LoadCredential=host-key:…` (systemd.exec(5)) keeps it out of the environment, which a process's
children and /proc show.
"""

import os
from collections.abc import Mapping
from pathlib import Path

_KEY, _FILE = "PLAZO_HOST_KEY", "host-key"


def with_credentials(env: Mapping[str, str]) -> dict[str, str]:
    """`env`, with the host's key from the unit's credential where it names none itself."""
    folder = env.get("CREDENTIALS_DIRECTORY", "")
    file = Path(folder) / _FILE
    if not folder or env.get(_KEY, "").strip() or not os.access(file, os.R_OK):
        return dict(env)
    return {**env, _KEY: file.read_text().strip()}
