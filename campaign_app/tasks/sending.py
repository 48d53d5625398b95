"""The queue "sending"."""
