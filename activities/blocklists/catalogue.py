"""The lists that Plazo knows, from `catalogue.toml` beside this file."""

import tomllib
from functools import cache
from pathlib import Path

from domain.blocklists.blocklist import Catalogue
from domain.blocklists.catalogue import read_catalogue

FILE = Path(__file__).with_name("catalogue.toml")


@cache
def catalogue() -> Catalogue:
    """Read once; the file changes with the code. Raises `domain.catalogue.BadCatalogue`."""
    return read_catalogue(tomllib.loads(FILE.read_text()))
