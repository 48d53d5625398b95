"""Opens, clicks and opt-outs of the public links: told apart, buffered, counted."""
