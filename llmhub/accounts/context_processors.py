from django.http import HttpRequest


def projects(request: HttpRequest) -> dict[str, object]:
    return {}
