"""What comes back from students: found, put together, marked, and written for a lecturer."""
