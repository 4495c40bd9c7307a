"""A team service: accounts that colleagues share. Who may do what, the sidecar decides."""
