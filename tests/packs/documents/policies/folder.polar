# Folders: what one gives, every folder inside it gives too.

resource Folder {
  roles = ["reader", "writer", "owner"];
  permissions = ["view", "share", "remove"];
  relations = {parent: Folder};

  "view" if "reader";
  "share" if "owner";
  "remove" if "owner";

  # An owner writes, a writer reads.
  "reader" if "writer";
  "writer" if "owner";

  # The hierarchy.
  "reader" if "reader" on "parent";
  "writer" if "writer" on "parent";
  "owner" if "owner" on "parent";
}

has_role(user: User, "owner", folder: Folder) if
  folder.owner = user;

# A share holds until the instant `until`, and for good without one.
has_role(user: User, role: String, folder: Folder) if
  share := folder.share(user) and
  share.access = role and
  not share.until <= context.now;

has_relation(parent: Folder, "parent", folder: Folder) if
  parent = folder.parent;

# A folder is shared with somebody who is there.
forbid(_: User, action: Action{name: "share"}, _: Folder, "nobody_to_share_with") if
  not action.user.exists = true;
