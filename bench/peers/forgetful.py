"""`sidecar serve` as it is, but it remembers neither bodies nor decisions.

python -m bench.peers.forgetful serve ...
"""

from __future__ import annotations

from bench.forgetting import forget
from sidecar.cli import main

if __name__ == "__main__":
    forget()
    main()
