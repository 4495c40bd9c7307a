"""An independent reference interpreter for packs: the executable specification.

It follows `docs/packs.md`, decides what is open there as the decisions of the project say, and
shares no code with the product that is tested against it.
"""

from tests.reference.decide import Answer, decide
from tests.reference.errors import BadRequest, PackError, RuleFault, WorldError
from tests.reference.pack import Pack, World
from tests.reference.search import permissions, search_resources, search_subjects

__all__ = [
    "Answer",
    "BadRequest",
    "Pack",
    "PackError",
    "RuleFault",
    "World",
    "WorldError",
    "decide",
    "permissions",
    "search_resources",
    "search_subjects",
]
