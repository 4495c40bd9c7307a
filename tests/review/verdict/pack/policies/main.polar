# A shop floor: machines, and the people who may run them.

actor Person {}

allow(person: Person, action: Action, resource) if
  has_permission(person, action.name, resource);

resource Machine {
  roles = ["operator", "mechanic", "lead"];
  permissions = ["look", "run", "repair", "scrap"];

  "look" if "operator";
  "run" if "operator";
  "repair" if "mechanic";
  "scrap" if "lead";

  "operator" if "lead";
  "mechanic" if "lead";
}

has_role(person: Person, role: String, machine: Machine) if
  post = machine.post(person) and
  post.role = role and
  on_duty(person);

# Whoever is trained, and has not left.
on_duty(person: Person) if
  person.trained = true and
  not person.left <= context.now;

has_permission(_: Person, "look", machine: Machine) if
  machine.on_show = true and
  machine.stage = settings.shown;

forbid(_: Person, action: Action, machine: Machine, "locked_out") if
  action.name in ["run", "repair"] and
  machine.locked = true;

forbid(_: Person, _: Action{name: "run"}, machine: Machine, "too_hot") if
  machine.heat >= settings.hottest;

oblige(_: Person, _: Action{name: "scrap"}, _: Machine, "sign_form");
