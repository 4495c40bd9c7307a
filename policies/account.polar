# Accounts: who may see, change and reach what is shared.

resource Account {
  # R1. The owner stands in the account itself, every other role in a membership.
  roles = ["owner", "admin", "developer", "finance_analyst", "support"];

  permissions = [
    "numbers.view", "numbers.edit", "cards.view", "cards.edit", "recharges.view",
    "recharges.create", "billing.view", "billing.edit", "settings.view", "settings.edit",
    "credentials.view", "credentials.edit", "applications.view", "applications.edit",
    "logs.view", "pricing.view", "team.view", "team.manage",
    "switch", "set_default", "land", "create", "transfer",
  ];

  # R4, the role matrix: a line for each permission, a column for each role. What is not listed is
  # denied. An admin has all three columns and what follows them; an owner has all of it.
  #
  # DEVELOPER                          FINANCE ANALYST                           SUPPORT
  "numbers.view" if "developer";                                                 "numbers.view" if "support";
  "numbers.edit" if "developer";
                                       "cards.view" if "finance_analyst";        "cards.view" if "support";
                                       "cards.edit" if "finance_analyst";
                                       "recharges.view" if "finance_analyst";    "recharges.view" if "support";
                                       "recharges.create" if "finance_analyst";
                                       "billing.view" if "finance_analyst";      "billing.view" if "support";
                                       "billing.edit" if "finance_analyst";
  "settings.view" if "developer";                                                "settings.view" if "support";
  "settings.edit" if "developer";                                                "settings.edit" if "support";
  "credentials.view" if "developer";
  "credentials.edit" if "developer";
  "applications.view" if "developer";                                            "applications.view" if "support";
  "applications.edit" if "developer";
  "logs.view" if "developer";                                                    "logs.view" if "support";
                                       "pricing.view" if "finance_analyst";
  "switch" if "developer";             "switch" if "finance_analyst";            "switch" if "support";
  "set_default" if "developer";        "set_default" if "finance_analyst";       "set_default" if "support";

  # The last two lines, R16, R17, R18: whoever has any role may switch to the account and make it the
  # default. A search for "switch" lists all accounts that a user can reach.

  # R4: seeing and managing the team belongs to owner and admin alone. What may be done with one
  # membership or one invitation follows "team.manage"; to widen either, add a line here.
  "team.view" if "admin";
  "team.manage" if "admin";

  # R4: an admin may do all that any other role may, and an owner (R2) all that an admin may.
  "developer" if "admin";
  "finance_analyst" if "admin";
  "support" if "admin";
  "admin" if "owner";
}

# R2: an account's owner is its owner on every plan, without a membership.
has_role(user: User, "owner", account: Account) if
  account.owner = user;

# R5, R8: any other role is that of an active membership, while the plan holds. R19: of a
# membership in this very account.
has_role(user: User, role: String, account: Account) if
  membership = account.membership(user) and
  membership.status = "active" and
  membership.role = role and
  plan_holds(account);

# R5: role-based access needs a committed plan of at least the minimum (the minimum itself is
# enough), on the required contract, before the instant at which that contract ends. A plan that
# does not say when its contract ends does not hold.
plan_holds(account: Account) if
  account.plan = "committed" and
  account.monthly_commitment >= settings.minimum_commitment and
  account.contract = settings.required_contract and
  account.contract_ends > context.now;

# R5: why a member is shut out. The membership is kept, and works again when the plan does.
forbid(user: User, action: Action, account: Account, "plan_required") if
  not action.name = "create" and
  shut_out_by_plan(user, account);

# A member of the account, other than its owner, while its plan does not hold.
shut_out_by_plan(user: User, account: Account) if
  account.membership(user).status = "active" and
  not account.owner = user and
  not plan_holds(account);

# An account that exists, and whose plan gives nobody but its owner access.
without_team_plan(account: Account) if
  account.exists = true and
  not plan_holds(account);

# R15: any signed-up user may create an account.
has_permission(_: User, "create", _: Account);

# R3: nobody may transfer an account.
forbid(_: User, _: Action{name: "transfer"}, _: Account, "owner_is_fixed");

# R18: where a user lands after login. First the default account, while it can be reached.
has_permission(user: User, "land", account: Account) if
  account = user.default_account and
  has_permission(user, "switch", account);

# Else every account that the user owns.
has_permission(user: User, "land", account: Account) if
  account.owner = user and
  not has_permission(user, "switch", user.default_account);

# Else, for somebody who owns none, every account that the user can reach.
has_permission(user: User, "land", account: Account) if
  has_permission(user, "switch", account) and
  user.owned_account.exists = false and
  not has_permission(user, "switch", user.default_account);
