"""Internal storage: bytes of any size under `kestra:///` URIs. `interface` is the port, `uri` says where things lie."""
