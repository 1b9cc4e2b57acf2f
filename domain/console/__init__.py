"""What people see, and what they are told before they act."""
