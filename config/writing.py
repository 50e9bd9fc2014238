"""Writes sections back as TOML with masked secrets: the effective configuration, in a form that can be read again."""

from config.forms import Form, ListOf, Secret, Section
from config.reading import fields_of


def masked_toml(section: Section) -> str:
    """The configuration as TOML that can be read again; secrets are comments that say only whether they are set."""
    head: list[str] = []
    tables: list[str] = []
    for path, field, form in fields_of(type(section)):
        value = getattr(section, field.name)
        if isinstance(form, type):
            tables += ["", f"[{path}]", *_lines(value)]
        elif isinstance(form, ListOf):
            entries = [f"    {{ {', '.join(_lines(entry))} }}," for entry in value]
            head += [f"{field.encode_name} = [", *entries, "]"]
        else:
            head += _line(field.encode_name, form, value)
    return "\n".join([*head, *tables, ""])


def _lines(section: Section) -> list[str]:
    return [
        line
        for _, field, form in fields_of(type(section))
        for line in _line(field.encode_name, form, getattr(section, field.name))
    ]


def _line(key: str, form: Form, value: object) -> list[str]:
    if form.toml is Secret:
        return [f"# {key} is set: {form.write(value)}" if value else f"# {key} is not set"]
    return [] if value is None else [f"{key} = {form.write(value)}"]
