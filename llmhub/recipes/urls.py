from django.urls import path

from llmhub.recipes import schedules, views

# Some slugs have a dot in them: gpt2-1.3b.
urlpatterns = [
    path("recipes/", views.recipes, name="recipes"),
    path("recipes/<str:slug>/", views.recipe, name="recipe"),
    path("recipes/<str:slug>/edit/", views.recipe_edit, name="recipe_edit"),
    path("recipes/<str:slug>/copy/", views.recipe_copy, name="recipe_copy"),
    path("recipes/<str:slug>/diff/", views.recipe_diff, name="recipe_diff"),
    path("reference/demos/schedules/", schedules.recipe_schedules, name="recipe-schedules"),
]
