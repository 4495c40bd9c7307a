actor User {}

allow(_: User, _: Action{name: "show"}, bit: Bit) if bit.set = true;
allow(user: User, _: Action{name: "view"}, team: Team) if team.member(user) matches Membership;
allow(user: User, _: Action{name: "edit"}, team: Team) if team.member(user).role in ["editor", "owner"];
allow(user: User, _: Action{name: "delete"}, team: Team) if team.member(user).role = "owner";

forbid(user: User, _: Action, _: Team, "banned") if user.banned = true;
forbid(_: User, action: Action, team: Team, "frozen") if
  action.name in ["edit", "delete"] and team.frozen = true;
forbid(_: User, _: Action{name: "edit"}, team: Team, "ownerless") if
  team.owner("owner").exists = false;
