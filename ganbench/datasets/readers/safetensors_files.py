"""Files of safetensors, by its own library (extra `formats`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ganbench.datasets.readers.member import BFLOAT16, Choose, Member, pick, printable
from ganbench.datasets.readers.needed import need
from ganbench.errors import DataError

__all__ = ["read"]

_DTYPES = {"BOOL": "?", "F64": "f8", "F32": "f4", "F16": "f2"}
_DTYPES |= {f"{kind}{8 * n}": f"{kind.lower()}{n}" for kind in "IU" for n in (1, 2, 4, 8)}


def read(path: Path, choose: Choose, max_bytes: int) -> dict[str, np.ndarray]:
    """The chosen tensors; see `ganbench.datasets.readers.read_chosen`."""
    need("safetensors", path)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            members = {name: _member(file.get_slice(name)) for name in file.keys()}  # noqa: SIM118 - no mapping
            names = pick(members, choose, path, max_bytes)
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read by safetensors: {printable(error)}. Write the file anew.") from error
    return {
        name: (t.float() if members[name].dtype == BFLOAT16 else t).numpy(force=True) for name, t in tensors.items()
    }


def _member(entry: Any) -> Member:
    code = entry.get_dtype()
    if code != "BF16" and code not in _DTYPES:
        return Member(other=f"of dtype {printable(code)}")
    return Member(tuple(entry.get_shape()), BFLOAT16 if code == "BF16" else np.dtype(_DTYPES[code]))
