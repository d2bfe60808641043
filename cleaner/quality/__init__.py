"""How good a cleaning is, measured on labelled text."""
