# The eight rules of the certification scenario; its numbers stand beside what they are held by.

actor User {}

# 1, 3
allow(user: User, _: Action{name: "read"}, record: Record) if
  record.readers.includes(user) = true;

# 2, 4
allow(user: User, _: Action{name: "write"}, record: Record) if
  record.writers.includes(user) = true;

# 5, 6: an administrator writes to what is archived, and to nothing else.
allow(user: User, _: Action{name: "write"}, record: Record) if
  record.status = "archived" and
  user.role = "admin";

forbid(user: User, _: Action{name: "write"}, record: Record, "archived") if
  record.status = "archived" and
  not user.role = "admin";

# 7, 8
allow(user: User, _: Action{name: "delete"}, record: Record) if
  record.writers.includes(user) = true;

forbid(_: User, action: Action{name: "delete"}, _: Record, "not_softly") if
  not action.soft = true;
