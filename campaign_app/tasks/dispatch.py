"""The queue "dispatch"."""
