"""The commands, a module a topic; each registers its verbs on the ``App`` it is given."""
