"""What staff and servers may ask."""
