"""The requirements of the shipped pack a third time, beside its policy and its suites."""
