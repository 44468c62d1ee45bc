"""What can be looked up: `interface` has the ports, `query` and `fields` say what can be asked, the rest are members."""
