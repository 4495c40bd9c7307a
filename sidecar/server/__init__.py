"""The server: connections of HTTP/1.1 in gunicorn's processes, under limits of our own.

gunicorn starts and stops the processes; httptools parses requests. A request is answered once all
of it has arrived, and a response waits in memory for a client that reads slowly, so slow clients
hold no thread.
"""

from sidecar.server.gunicorn_app import serve

__all__ = ["serve"]
