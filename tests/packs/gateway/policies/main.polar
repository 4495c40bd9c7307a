# API gateways ask with their own words: the method is the action, the template of the path is the route.

actor Identity {}

allow(identity: Identity, action: Action, route: Route) if
  has_permission(identity, action.name, route);

resource Route {
  roles = ["viewer", "editor", "admin", "evil_genius"];
  permissions = ["GET", "POST", "PUT", "DELETE"];
}

has_role(identity: Identity, role: String, _: Route) if
  identity.roles.includes(role) = true;

# Everybody may read everything.
has_permission(_: Identity, "GET", _: Route);

has_permission(identity: Identity, "POST", route: Route) if
  writes(identity, route);

has_permission(identity: Identity, "PUT", route: Route) if
  writes(identity, route);

has_permission(identity: Identity, "DELETE", route: Route) if
  writes(identity, route);

# Admins and editors write todos; a user can only be read.
writes(identity: Identity, route: Route) if
  (has_role(identity, "admin", route) or has_role(identity, "editor", route)) and
  route.id in ["/todos", "/todos/{todoId}"];
