"""The routes of accounts: registering, logging in and out, one's own account, and what administrators do."""
