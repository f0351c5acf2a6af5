"""The vtonctl command line: commands, runs and what they show."""
