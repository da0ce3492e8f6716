"""What a shop's front end may ask for one customer."""
