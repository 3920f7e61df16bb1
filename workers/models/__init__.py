"""Work on registered models, in processes of their own: they know torch and nothing of Django."""
