"""Live reload: the newest valid policy and snapshot of one schema."""

from sidecar.reload.pair import BundlePlaces, Pair, Places, State
from sidecar.reload.reloader import Reloading
from sidecar.reload.shared_pair import SharedPair

__all__ = ["BundlePlaces", "Pair", "Places", "Reloading", "SharedPair", "State"]
