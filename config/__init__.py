"""Reads a TOML file and environment variables into frozen sections and reports every fault at once.

The package knows how values are written, but no setting by name; `settings.py` has the settings.
"""

from config.forms import Form, ListOf, Secret, Section
from config.reading import Reading, read_toml
from config.writing import masked_toml

__all__ = ["Form", "ListOf", "Reading", "Secret", "Section", "masked_toml", "read_toml"]
