"""One module per command: options into a request, the request into a run."""
