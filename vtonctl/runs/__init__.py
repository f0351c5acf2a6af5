"""Planning, running and recording work on items."""
