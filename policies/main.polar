# Entry points: the three questions that are put to these rules, each on its own.
#
#   allow(subject, action, resource)                is it granted?
#   forbid(subject, action, resource, reason)       is it forbidden, and why?
#   oblige(subject, action, resource, obligation)   what must the caller do along with it?
#
# A request is allowed when it is granted and nothing forbids it. The answers are joined outside
# Polar; every reason that holds is told. What no rule grants is denied (R20).
#
# How to read the files beside this one: each rules one resource. A resource block lists what may
# be done (`permissions`), the roles, and which role gives which permission: `"team.view" if
# "admin"`. A rule below it says `forbid(who, which action, on what, "the reason") if ...`; names
# beginning with a capital are types of fixtures/schema.yaml, R1 to R21 are the requirements.
#
#   account.polar      the role matrix, the plan, several accounts    R1-R5, R15-R19
#   membership.polar   change and remove members                      R3, R6, R8
#   invitation.polar   invite, resend, revoke, accept                 R7, R9-R13
#   number.polar       an example of a resource that nobody mounts

actor User {}

# A user may do what a role in the account gives, or what a rule of the resource says.
allow(user: User, action: Action, resource) if
  has_permission(user, action.name, resource);
