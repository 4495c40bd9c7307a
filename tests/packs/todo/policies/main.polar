# The todo list of the AuthZEN working group. The caller says the owner of an entry by e-mail address.

actor User {}

allow(user: User, action: Action, todo: Todo) if
  has_permission(user, action.name, todo);

# Everybody who has an account may read about anybody, asked about by PID or by address.
allow(user: User, _: Action{name: "can_read_user"}, _: User) if
  user.account.exists = true;

resource Todo {
  roles = ["viewer", "editor", "admin", "evil_genius"];
  permissions = ["can_read_todos", "can_create_todo", "can_update_todo", "can_delete_todo"];

  "can_create_todo" if "editor";
  "can_create_todo" if "admin";
  "can_update_todo" if "evil_genius";
  "can_delete_todo" if "admin";
}

has_role(user: User, role: String, _: Todo) if
  user.account.roles.includes(role) = true;

has_permission(user: User, "can_read_todos", _: Todo) if
  user.account.exists = true;

# An editor changes and deletes what is theirs.
has_permission(user: User, "can_update_todo", todo: Todo) if
  edits_own(user, todo);

has_permission(user: User, "can_delete_todo", todo: Todo) if
  edits_own(user, todo);

edits_own(user: User, todo: Todo) if
  has_role(user, "editor", todo) and
  todo.ownerID = user.account.email;
