"""Numbers of bytes as people write them."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_bytes(value: Any) -> Any:
    """Read a number of bytes written as 2GB, 64MiB or 1000."""
    if isinstance(value, str) and (m := re.fullmatch(r"([\d_.]+)\s*([KMG]I?B|)", value.upper())):
        return int(float(m[1].replace("_", "")) * _UNITS[m[2]])
    return value


ByteSize = Annotated[int, BeforeValidator(parse_bytes)]
