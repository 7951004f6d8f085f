"""The worth of customers: past value, recorded fits of the value models, and what these expect."""
