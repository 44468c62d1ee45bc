"""Transactions of a member of a group: records and offsets in, all or nothing, and what the broker may leave of them."""
