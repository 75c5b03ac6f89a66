"""Who there is: accounts, organizations, their members, bots and service tokens, and the audit log."""
