"""What the desk and the portal are shown, and who is signed in."""
