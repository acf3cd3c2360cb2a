"""Remote mode: a person's own Jupyter server forwards the chat to a service, with the person's token."""
