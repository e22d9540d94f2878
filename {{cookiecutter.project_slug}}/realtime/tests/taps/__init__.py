"""A feed with an outlet that only the tests have."""
