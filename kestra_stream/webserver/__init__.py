"""Webserver: what people and programs ask for, turned into commands on topics. The HTTP routes come with the API; its services are here."""
