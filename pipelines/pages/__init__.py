"""Pages a person reads: an audit, a demo."""
