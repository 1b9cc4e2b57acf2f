"""A cPanel server as a mail host, over a stand-in for its API."""
