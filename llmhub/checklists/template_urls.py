from django.urls import path

from llmhub.checklists import template_views as views

TEMPLATES = "checklists/templates/"
CHANGE = f"{TEMPLATES}changes/<int:change_id>/"
RULE = "checklists/rule/"

urlpatterns = [
    path(TEMPLATES, views.checklist_templates, name="checklist_templates"),
    path(f"{TEMPLATES}new/", views.checklist_template_new, name="checklist_template_new"),
    path(f"{CHANGE}confirm/", views.checklist_change_confirm, name="checklist_change_confirm"),
    path(f"{CHANGE}withdraw/", views.checklist_change_withdraw, name="checklist_change_withdraw"),
    path(f"{TEMPLATES}<slug:slug>/", views.checklist_template, name="checklist_template"),
    path(
        f"{TEMPLATES}<slug:slug>/edit/",
        views.checklist_template_edit,
        name="checklist_template_edit",
    ),
    path(RULE, views.launch_rule, name="launch_rule"),
    path(f"{RULE}confirm/", views.launch_rule_confirm, name="launch_rule_confirm"),
    path(f"{RULE}withdraw/", views.launch_rule_withdraw, name="launch_rule_withdraw"),
]
