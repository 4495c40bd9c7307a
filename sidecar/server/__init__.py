"""Listening: connections, and whole requests that are taken out of them, one after the other.

gunicorn keeps the processes, reads a request and writes its answer; its workers with threads hold
a thread for each caller that is slow. Ours holds one for nobody: a request is answered when all of
it has come, and what is sent to a slow caller waits in memory.
"""

from sidecar.server.addresses import is_local
from sidecar.server.config import STRANGERS, Edge, open_edge
from sidecar.server.worker import Worker

__all__ = ["STRANGERS", "Edge", "Worker", "is_local", "open_edge"]
