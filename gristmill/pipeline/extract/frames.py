"""Messages between the sandbox and its child: a JSON head and raw bytes, both with lengths."""

import json
import struct
from typing import Any

_LENGTHS = struct.Struct("!II")
#: Bytes that say how long the rest of a message is.
PREFIX = _LENGTHS.size


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """Return a message as bytes."""
    encoded = json.dumps(head).encode()
    return _LENGTHS.pack(len(encoded), len(body)) + encoded + body


def lengths(prefix: bytes) -> tuple[int, int]:
    """Return the lengths of head and body."""
    head, body = _LENGTHS.unpack(prefix)
    return head, body


def unpack(data: bytes, head: int) -> tuple[dict[str, Any], bytes]:
    """Split what follows the prefix into head and body.

    Raises:
        ValueError: the head is no JSON object.
    """
    decoded = json.loads(data[:head])
    if not isinstance(decoded, dict):
        raise ValueError("message head is no object")
    return decoded, data[head:]
