"""Care plans: what the business intends to do about a customer, and when."""
