# Documents: they follow the folder that they lie in.

resource Document {
  permissions = ["create", "view", "edit", "publish", "remove"];
  relations = {folder: Folder};

  "create" if "writer" on "folder";
  "view" if "reader" on "folder";
  "edit" if "writer" on "folder";
  "publish" if "writer" on "folder";
  "remove" if "owner" on "folder";
}

has_relation(folder: Folder, "folder", document: Document) if
  folder = document.folder;

# Whoever wrote a document may go on reading it, wherever it was moved to.
has_permission(user: User, "view", document: Document) if
  document.author = user;

# Anybody may read what is public and out of its draft.
has_permission(_: User, "view", document: Document) if
  document.public and
  document.stage in ["published", "archived"];

# What is archived stays as it is, but can be published again.
forbid(_: User, action: Action, document: Document, "archived") if
  action.name in ["edit", "remove"] and
  document.stage = "archived";

forbid(_: User, action: Action, document: Document, "legal_hold") if
  action.name in ["edit", "publish", "remove"] and
  document.labels.includes(settings.locked_by) = true;

forbid(_: User, action: Action, _: Document, "too_long") if
  action.name in ["create", "edit"] and
  action.pages > settings.most_pages;

# Guests leave nothing on devices that nobody manages.
forbid(user: User, _: Action{name: "edit"}, _: Document, "untrusted_device") if
  user.guest = true and
  context.device_trusted = false;

oblige(user: User, _: Action{name: "view"}, document: Document, "watermark") if
  user.guest = true and
  not document.public = true;
