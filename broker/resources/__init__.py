"""Resources: the fields, names and limits of topics, subscriptions and messages, honoured or refused."""
