"""Clusters of customers who are alike, by the newest recorded fit."""
