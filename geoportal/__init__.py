"""The HTTP edge and the command line of the portal."""
