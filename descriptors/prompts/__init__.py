"""What is asked and how a reply is read: a module for each kind of request."""
