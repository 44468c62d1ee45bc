"""Assembly: settings in, a running engine out. `backend` is the only module that names concrete backends."""
