actor User {}

allow(user: User, action: Action, asset) if
  has_permission(user, action.name, asset);

resource Asset {
  roles = ["example.com/viewer", "Viewer", "viewer", "a b, c", "true", "lt", "q\"u\\o"];
  permissions = [
    "GET", "get", "tools/call", "s3:GetObject", "pods/exec", "Read", "?", "*", "all",
    "say \"hi\"\\now", "two words"
  ];

  "GET" if "example.com/viewer";
  "get" if "Viewer";
  "s3:GetObject" if "a b, c";
  "say \"hi\"\\now" if "q\"u\\o";
  "?" if "true";
  "*" if "lt";
  "all" if "viewer";
  "two words" if "lt";
}

has_role(user: User, role: String, _: Asset) if
  user.role = role;

has_permission(user: User, "Read", asset: Asset) if
  asset.ownerID = user and
  user.is_there;

allow(user: User, action: Action{name: "tools/call", ownerID: user}, _: Asset) if
  action.tool = "search" and
  action.max_tokens <= settings.Max_Tokens;

allow(user: User, _: Action{name: "pods/exec"}, asset: Asset) if
  asset.owner_id = user.owner_id and
  asset.unit = "x" and
  context.x_forwarded_for = "me";

allow(user: User, action: Action, doc: ComExampleDoc) if
  action.name in ["View"] and
  doc.part = "p" and
  doc.Asset.sharedWith(user).exists = true;

allow(_: User, _: Action, item: TodoItem) if
  item.due_date > context.now and
  item.id = "true";
