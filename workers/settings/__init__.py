"""What a process is told by its environment: read once, checked, and refused with every mistake."""
