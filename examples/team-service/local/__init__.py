"""Everything that the team service needs on one machine: database, mail sink, sidecar."""
