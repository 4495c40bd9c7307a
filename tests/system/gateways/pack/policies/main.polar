# Three questions are put to these rules, each on its own.

actor User {}

resource Project {
  roles = ["owner", "editor", "viewer"];
  permissions = ["view", "edit", "delete", "view_members", "add_member"];

  "view" if "viewer";
  "edit" if "editor";
  "view_members" if "editor";
  "delete" if "owner";
  "add_member" if "owner";

  "viewer" if "editor";
  "editor" if "owner";
}

allow(user: User, action: Action, resource) if
  has_permission(user, action.name, resource);

has_role(user: User, role: String, project: Project) if
  project.membership(user).role = role;

allow(_: User, _: Action{name: "list_projects"}, _: Site);

allow(user: User, action: Action, _: Site) if
  user.operates = true and
  action.name in ["view_report", "add_report"];

# What is deleted is gone: the service asks once more.
oblige(_: User, _: Action{name: "delete"}, _: Project, "confirm");
