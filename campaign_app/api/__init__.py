"""The door for programs: JSON over HTTP, a bearer token instead of a session."""
