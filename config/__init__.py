"""A TOML file and the environment, read into frozen sections, with every fault told at once.

It knows how values are written, and no setting by name: those are in `settings.py`.
"""

from config.forms import Form, ListOf, Secret, Section
from config.reading import Reading, read_toml
from config.writing import masked_toml

__all__ = ["Form", "ListOf", "Reading", "Secret", "Section", "masked_toml", "read_toml"]
