"""Arrays in, arrays out: no file, no socket, no process, no clock."""
