from tests.models.made import tiny_model as tiny_model
