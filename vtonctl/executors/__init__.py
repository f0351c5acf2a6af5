"""Where tasks are executed: processes on this machine, or a cluster."""
