"""The queue "jobs"."""
