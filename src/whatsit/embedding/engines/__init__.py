"""What runs a network, by the name of its device."""
