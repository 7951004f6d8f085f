"""The simulation of a hotel group over two years."""
