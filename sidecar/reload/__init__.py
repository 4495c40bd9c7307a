"""Live reload: the newest valid policy and snapshot of one schema."""

from sidecar.reload.follower import Follower
from sidecar.reload.packs import Pack
from sidecar.reload.pair import BundlePlaces, Pair, Places, State
from sidecar.reload.reloader import Reloading
from sidecar.reload.shared_look import SharedLooks
from sidecar.reload.shared_pair import SharedPair
from sidecar.reload.sources import MappedSource
from sidecar.reload.stored import StoredReloading

__all__ = [
    "BundlePlaces",
    "Follower",
    "MappedSource",
    "Pack",
    "Pair",
    "Places",
    "Reloading",
    "SharedLooks",
    "SharedPair",
    "State",
    "StoredReloading",
]
