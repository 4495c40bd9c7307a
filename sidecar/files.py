"""Files that are replaced as a whole: a reader has the old content or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file beside `path` and rename it.

    Args:
        path: The file, which need not exist; not a link.
        content: All that it holds afterwards.
        mode: Its permissions; `mkstemp` lets nobody else read.

    Raises:
        OSError: It cannot be written.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
