"""What people and programs see: progress, tables, JSON, HTML reports."""
