"""What a run folder holds, and models by the name a user gives them."""
