"""The work queue on a real broker, while its workers die, freeze, join and leave."""
