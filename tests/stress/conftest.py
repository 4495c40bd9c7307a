"""What every test under load starts from."""

from tests.e2e.conftest import root

__all__ = ["root"]
