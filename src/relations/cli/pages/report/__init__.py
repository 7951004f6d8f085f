"""The terminal pages of `relations report`: the board first, then each view."""
