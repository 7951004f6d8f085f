"""What customers are worth: past value, recorded fits of the value models, and what these expect."""
