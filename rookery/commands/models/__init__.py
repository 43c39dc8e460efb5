"""Commands on models and their contracts: train, adopt, push, show, check."""
