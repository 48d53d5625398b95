"""What `bin/run` and `bin/test` start: a real PostgreSQL, a real Redis, a mail catcher."""
