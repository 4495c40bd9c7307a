# Departments, up to four levels.

resource Department {
  permissions = ["view", "manage"];
  roles = ["head"];
  relations = {parent: Department};

  "view" if "head";
  "head" if "head" on "parent";
}

has_relation(parent: Department, "parent", department: Department) if parent = department.parent;
has_role(staff: Staff, "head", department: Department) if department.head = staff;
has_permission(staff: Staff, "manage", department: Department) if department.head = staff;
