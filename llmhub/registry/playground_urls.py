from django.urls import path

from llmhub.registry import next_token
from llmhub.registry import playground_views as views
from llmhub.registry.playground_consumers import PlaygroundConsumer, ProcessConsumer

urlpatterns = [
    path("playground/", views.new, name="playground"),
    path("playground/<int:conversation_id>/", views.conversation, name="conversation"),
    path("playground/<int:conversation_id>/delete/", views.delete, name="conversation_delete"),
    path("playground/<int:conversation_id>/keep/", views.keep, name="conversation_keep"),
    path("playground/turns/<int:turn_id>/better/", views.judge, name="turn_better"),
    path("reference/demos/next-token/", next_token.next_token, name="next-token"),
]
websocket_urlpatterns = [
    path("ws/playground/", PlaygroundConsumer.as_asgi(), name="playground_socket"),
    path("ws/playground/process/<int:serving_id>/", ProcessConsumer.as_asgi()),
]
