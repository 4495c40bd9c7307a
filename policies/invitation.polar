# Invitations: who may offer a role in an account, and who may take the offer.

resource Invitation {
  permissions = ["create", "resend", "revoke", "change_role", "accept"];
  relations = {account: Account};

  # R7, R9, R10, R11: owner and admin.
  "create" if "team.manage" on "account";
  "resend" if "team.manage" on "account";
  "revoke" if "team.manage" on "account";
  "change_role" if "team.manage" on "account";
}

has_relation(account: Account, "account", invitation: Invitation) if
  account = invitation.account;

# R12: the user whose e-mail address it names may accept. Addresses have no case.
has_permission(user: User, "accept", invitation: Invitation) if
  user.email = invitation.email;

# R12: somebody who has not signed up yet is told so, and can be offered an account.
forbid(user: User, _: Action{name: "accept"}, _: Invitation, "sign_up_required") if
  user.exists = false;

# R12: nobody accepts what was offered to another.
forbid(user: User, _: Action{name: "accept"}, invitation: Invitation, "not_the_invitee") if
  user.exists = true and
  invitation.exists = true and
  not user.email = invitation.email;

# R7, R10, R11, R12: once accepted or revoked, an invitation stays as it is.
forbid(_: User, action: Action, invitation: Invitation, "not_pending") if
  action.name in ["resend", "revoke", "accept", "change_role"] and
  invitation.exists = true and
  not invitation.status = "pending";

# R13: an invitation holds until the instant it expires, and no longer at that instant. Without
# such an instant it does not expire. An expired one may still be revoked.
forbid(_: User, action: Action, invitation: Invitation, "expired") if
  action.name in ["resend", "accept"] and
  has_expired(invitation);

has_expired(invitation: Invitation) if
  invitation.expires_at <= context.now;

# R5: nobody is invited, given another role, sent an invitation again or let in by one unless the
# plan holds.
forbid(_: User, action: Action, invitation: Invitation, "plan_required") if
  action.name in ["create", "resend", "accept", "change_role"] and
  without_team_plan(invitation.account);

# R5: a member whom the plan shuts out may not revoke either; the owner still may.
forbid(user: User, _: Action{name: "revoke"}, invitation: Invitation, "plan_required") if
  shut_out_by_plan(user, invitation.account);

# R7: the new role must be given, and be one of the assignable ones (R1).
forbid(_: User, action: Action{name: "change_role"}, _: Invitation, "role_not_assignable") if
  action.role.exists = false;

# R9: what keeps owner and admin from inviting somebody. All that apply are told.

# The role must be given, and be one of the assignable ones (R1).
forbid(_: User, _: Action{name: "create"}, invitation: Invitation, "role_not_assignable") if
  invitation.role.exists = false;

# The address must be an e-mail address.
forbid(_: User, _: Action{name: "create"}, invitation: Invitation, "invalid_email") if
  invitation.email.exists = false;

# The address must not be one at a personal e-mail provider (fixtures/settings.yaml), or at a
# subdomain of such a provider's domain.
forbid(_: User, _: Action{name: "create"}, invitation: Invitation, "personal_email") if
  settings.personal_email_domains.includes(invitation.email.domain) = true;

# The request must not come through a proxy service.
forbid(_: User, _: Action{name: "create"}, _: Invitation, "via_proxy") if
  context.via_proxy = true;

# The address must not be that of an active member,
forbid(_: User, _: Action{name: "create"}, invitation: Invitation, "already_member") if
  invitation.account.member_with(invitation.email).exists = true;

# nor that of the owner,
forbid(_: User, _: Action{name: "create"}, invitation: Invitation, "already_member") if
  invitation.account.owner.email = invitation.email;

# nor have an invitation to this account that still holds: that one can be sent again (R10).
forbid(_: User, _: Action{name: "create"}, invitation: Invitation, "already_invited") if
  pending = invitation.account.pending_invitation(invitation.email) and
  pending.exists = true and
  not has_expired(pending);
