"""How members of a group talk with the broker: one of two protocols, and who this member is for it."""
