"""What smarthosts themselves say was relayed, for the bill; one file each, registered by a name."""
