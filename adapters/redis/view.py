"""The stored view of a day: a hash of flat strings for readers outside, written whole, with a checksum over all of it.

Where the checksum shows that something was changed or lost, the view is made from the log again.
"""

import zlib
from collections.abc import Mapping

SUM = "checksum"


def sealed(view: Mapping[str, str]) -> dict[str, str]:
    """The view with its checksum, as it is stored."""
    return {**view, SUM: sum_of({name.encode(): value.encode() for name, value in view.items()})}


def is_whole(stored: Mapping[bytes, bytes]) -> bool:
    """Whether these fields are what `sealed` made."""
    fields = dict(stored)
    return fields.pop(SUM.encode(), b"") == sum_of(fields).encode()


def sum_of(fields: Mapping[bytes, bytes]) -> str:
    """The checksum over these fields, without the checksum's own."""
    return f"{zlib.crc32(b''.join(b'%b=%b;' % (name, fields[name]) for name in sorted(fields))):08x}"
