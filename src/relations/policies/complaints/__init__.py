"""The policies of the complaint desk: service levels, working time, authority and repair."""
