"""What runs on mail hosts: desired state in, observation out.

An agent holds no credentials but its own host's key and opens outgoing connections only, because
the owner of a managed server may be root on it. It imports `domain`, the standard library and
httpx, nothing else.
"""
