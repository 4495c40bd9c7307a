# Entry points: granted to whom a role gives the permission, and to the whole world what is public.

actor User {}

allow(user: User, action: Action, resource) if
  has_permission(user, action.name, resource);

# A guest from an organisation that is no partner may do nothing at all.
forbid(user: User, _: Action, _, "unknown_partner") if
  user.guest and
  settings.partner_domains.includes(user.email.domain) = false;
