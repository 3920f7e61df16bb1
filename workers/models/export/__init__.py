"""A registered model in another form: written, loaded again, and compared with the original."""
