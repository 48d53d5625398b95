"""Doors from the queue: one file per queue. A task takes ids, makes one call, decides one thing."""
