"""The settings of the sidecar, and their forms on the command line."""
