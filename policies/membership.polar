# Memberships: who may change another member's role, and end a membership.

resource Membership {
  permissions = ["change_role", "remove", "restore"];
  relations = {account: Account};

  # R6, R8: owner and admin. Nobody may restore.
  "change_role" if "team.manage" on "account";
  "remove" if "team.manage" on "account";
}

has_relation(account: Account, "account", membership: Membership) if
  account = membership.account;

# R3: nobody may change or remove the owner of an account.
forbid(_: User, _: Action, membership: Membership, "owner_is_fixed") if
  membership.account.owner = membership.user;

# R8: a removal is for ever. The person is invited anew instead.
forbid(_: User, _: Action{name: "restore"}, _: Membership, "irreversible");

# R8: nothing may be done with the tombstone of a removed membership.
forbid(_: User, action: Action, membership: Membership, "irreversible") if
  not action.name = "restore" and
  membership.status = "removed";

# R8: whoever removes a member confirms first that it cannot be undone.
oblige(_: User, _: Action{name: "remove"}, _: Membership, "confirm_irreversible");

# R6: a role must be given, and be one of the assignable ones (R1).
forbid(_: User, action: Action{name: "change_role"}, _: Membership, "role_not_assignable") if
  action.role.exists = false;

# R5: nobody is given another role unless the plan holds.
forbid(_: User, _: Action{name: "change_role"}, membership: Membership, "plan_required") if
  without_team_plan(membership.account);

# R5: a member whom the plan shuts out. Taking access away stays possible for the owner.
forbid(user: User, action: Action, membership: Membership, "plan_required") if
  not action.name = "change_role" and
  shut_out_by_plan(user, membership.account);
