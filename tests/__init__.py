"""What the program is held to, room by room."""
