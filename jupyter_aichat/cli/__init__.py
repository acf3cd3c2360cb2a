"""`jupyter aichat …`, also `python -m jupyter_aichat …`: what an operator does."""
