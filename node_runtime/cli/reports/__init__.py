"""Pictures and pages of results, for people who look at them elsewhere."""
