import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from llmhub.dashboard.management.commands.prepare import refuse_newer_database

pytestmark = pytest.mark.django_db


def test_every_change_of_a_model_has_its_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)


def test_a_database_of_this_version_is_accepted():
    refuse_newer_database(MigrationExecutor(connection))


def test_a_database_of_a_newer_version_is_refused_and_named():
    MigrationRecorder(connection).record_applied("runs", "9999_from_the_future")
    with pytest.raises(CommandError, match=r"runs\.9999_from_the_future"):
        refuse_newer_database(MigrationExecutor(connection))
