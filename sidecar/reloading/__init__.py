"""Live reload: the newest policy and snapshot that are good, and belong together."""

from sidecar.reloading.pairs import Pair, Places, State
from sidecar.reloading.sharing import SharedPair
from sidecar.reloading.watching import Reloading

__all__ = ["Pair", "Places", "Reloading", "SharedPair", "State"]
