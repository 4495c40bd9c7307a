"""The security reviewer's tools: what a policy does in every possible situation."""
