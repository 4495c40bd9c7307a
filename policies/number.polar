# Phone numbers: an example for those who extend the pack. Nobody mounts them. The caller says in
# `resource.properties.account` whose a number is, and its permissions follow the account's. To add
# applications or recordings, copy this file and the type `number` of fixtures/schema.yaml.

resource Number {
  permissions = ["view", "edit"];
  relations = {account: Account};

  # R4: what the role gives on the account's numbers.
  "view" if "numbers.view" on "account";
  "edit" if "numbers.edit" on "account";
}

has_relation(account: Account, "account", number: Number) if
  account = number.account;

# R5: why a member is shut out.
forbid(user: User, _: Action, number: Number, "plan_required") if
  shut_out_by_plan(user, number.account);
