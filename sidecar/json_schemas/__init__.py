"""JSON Schemas of the YAML files of a pack, by which editors complete and check them.

The members of each file are those that its reader knows. Draft 07, since editors' YAML support
knows later drafts in part.
"""

from sidecar.json_schemas.pack_schemas import PackSchema, pack_schemas

__all__ = ["PackSchema", "pack_schemas"]
