"""Times of a step against torch's default, measured in one run, alternating."""
