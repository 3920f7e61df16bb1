"""Settings of the hub: the environment comes in here and nowhere else; nonsense is refused.

`make up` sets DATABASE_URL and REDIS_URL for the processes it starts and leaves them in
HUB_DATA/servers.json, so that `python manage.py ...` typed by hand finds the running servers.
"""

import json
import math
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONCE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_int(name: str, default: int) -> int:
    value = env(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def env_positive(name: str) -> float | None:
    value = env(name)
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise ImproperlyConfigured(f"{name} must be a number above 0, not {value!r}.")
    return number


def env_bool(name: str, default: bool = False) -> bool:
    value = env(name, "1" if default else "0").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def folders(name: str) -> list[Path]:
    """Absolute folders, separated by colons as in PATH."""
    found = [Path(folder) for folder in env(name).split(":") if folder]
    for folder in found:
        if not folder.is_absolute() or not folder.is_dir():
            raise ImproperlyConfigured(f"{name} must name existing folders, not {str(folder)!r}.")
    return found


def probe_hosts(name: str) -> list[tuple[str, int | None]]:
    """Hosts with their port, or None where no port is named."""
    found = []
    for place in filter(None, (part.strip() for part in env(name).split(","))):
        try:
            parts = urlsplit(f"//{place}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or parts.netloc != place or "@" in place:
            raise ImproperlyConfigured(f"{name} must name host or host:port, not {place!r}.")
        found.append((host, port))
    return found


HUB_DATA = Path(env("HUB_DATA", str(BASE_DIR / "var"))).resolve()
HUB_HOST = env("HUB_HOST", "127.0.0.1")
HUB_PORT = env_int("HUB_PORT", 8000)


def url_host(address: str) -> str:
    """An address as a URL names it. "All addresses" is nowhere to go to."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    return f"[{address}]" if ":" in address else address


# Where people and trainers reach the hub.
HUB_URL = env("HUB_URL", f"http://{url_host(HUB_HOST)}:{HUB_PORT}")
# The name of this machine in the hub; one Celery worker with this name runs on it.
HUB_NODE = env("HUB_NODE", socket.gethostname())
# Trainings at once on this machine; 0: one a GPU, or one for every two cores.
HUB_SLOTS = env_int("HUB_SLOTS", 0)


def server_url(name: str) -> str:
    """The URL of a server: from the environment, else from the hub that `make up` runs."""
    value = env(name)
    if value:
        return value
    servers = HUB_DATA / "servers.json"
    try:
        return str(json.loads(servers.read_text())[name])
    except (OSError, ValueError, KeyError):
        raise ImproperlyConfigured(
            f"{name} is not set and no hub is running on {HUB_DATA}: type `make up`, or set {name}."
        ) from None


def secret_key() -> str:
    value = env("SECRET_KEY")
    if value:
        return value
    try:
        return (HUB_DATA / "secret_key").read_text().strip()
    except OSError:
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set and {HUB_DATA}/secret_key is missing: "
            "type `make up`, or set SECRET_KEY."
        ) from None


SECRET_KEY = secret_key()
DEBUG = env_bool("DEBUG")
# The hub's own addresses are always among them, or it could not hear its trainings.
ALLOWED_HOSTS = [
    *filter(None, env("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")),
    url_host(HUB_HOST),
    url_host(urlsplit(HUB_URL).hostname or HUB_HOST),
]
CSRF_TRUSTED_ORIGINS = [origin for origin in env("CSRF_TRUSTED_ORIGINS").split(",") if origin]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "channels",
    "csp",
    "django_htmx",
    "allauth",
    "allauth.account",
    "llmhub.accounts",
    "llmhub.reference",
    "llmhub.jobs",
    "llmhub.recipes",
    "llmhub.datasets",
    "llmhub.runs",
    "llmhub.metrics",
    "llmhub.registry",
    "llmhub.checklists",
    "llmhub.research",
    "llmhub.search",
    "llmhub.dashboard",
    "llmhub.api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "llmhub.dashboard.static_serve.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "llmhub.accounts.middleware.CurrentProjectMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "llmhub.dashboard.fragments.FragmentMiddleware",
]

ROOT_URLCONF = "llmhub.urls"
ASGI_APPLICATION = "llmhub.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "llmhub.accounts.context_processors.projects",
            ],
        },
    }
]

# PostgreSQL is the truth. Under ASGI every request would open a connection of its own: hence the
# pool.
DATABASES = {"default": dj_database_url.parse(server_url("DATABASE_URL"))}
if DATABASES["default"].get("ENGINE") != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database (postgresql://...).")
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
    "min_size": 1,
    "max_size": env_int("DATABASE_POOL", 20),
    "timeout": 5,
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis only pokes: losing every message in it loses nothing.
REDIS_URL = server_url("REDIS_URL")
_socket = REDIS_URL.removeprefix("unix://").split("?")[0] if REDIS_URL.startswith("unix://") else ""
CELERY_BROKER_URL = f"redis+socket://{_socket}?virtual_host=0" if _socket else REDIS_URL
CHANNEL_LAYERS = {
    "default": {
        # The core layer of channels-redis closes idle websockets after 5 s with redis-py 8.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [f"unix://{_socket}?db=1" if _socket else REDIS_URL]},
    }
}

# Of one attempt: beyond it the hub answers 429, and the client sends later.
POINTS_PER_SECOND = env_int("POINTS_PER_SECOND", 5_000_000)
POINTS_BURST = env_int("POINTS_BURST", 50_000_000)

# A task launches and returns; the message is an id. See docs/decisions/ for each setting.
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: the node's agent lives in this process and works without Redis.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_DEFAULT_QUEUE = "runs"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "llmhub.accounts.adapter.InviteOnlyAdapter"
ACCOUNT_FORMS = {
    "login": "llmhub.accounts.password_forms.LoginForm",
    "set_password": "llmhub.accounts.password_forms.SetPasswordForm",
    "change_password": "llmhub.accounts.password_forms.ChangePasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
# Whose address the limit of sign-in attempts counts.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env_bool("BEHIND_PROXY") else 0
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
# Letters: to the log unless a server is named.
EMAIL_HOST = env("EMAIL_HOST")
EMAIL_BACKEND = env(
    "EMAIL_BACKEND", f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
)
EMAIL_PORT = env_int("EMAIL_PORT", 587)
EMAIL_HOST_USER = env("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", default=EMAIL_PORT == 587)
EMAIL_USE_SSL = env_bool("EMAIL_USE_SSL", default=EMAIL_PORT == 465)
# For the backend that writes each letter into a file.
EMAIL_FILE_PATH = HUB_DATA / "letters"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", "llmhub <hub@localhost>")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env("TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = HUB_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "llmhub.dashboard.static_build.PlotlyFinder",
]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": HUB_DATA / "files"},
    },
    "staticfiles": {"BACKEND": "llmhub.dashboard.static_build.HubStaticStorage"},
}

# Security. Plain HTTP on the loopback address is the default; behind TLS set HUB_URL to https://...
_https = HUB_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 3600 * 24 * 30 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("BEHIND_PROXY") else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Two hubs on one machine differ only in the port, and browsers share cookies between ports.
SESSION_COOKIE_NAME = f"llmhub_session_{HUB_PORT}"
CSRF_COOKIE_NAME = f"llmhub_csrf_{HUB_PORT}"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": [SELF],
        "object-src": ["'none'"],
    }
}

# Datasets: what one registration may bring. Files are read as streams: none of it costs memory.
DATASET_MAX_BYTES = env_int("DATASET_MAX_BYTES", 100 * 2**30)
DATASET_MAX_ROWS = env_int("DATASET_MAX_ROWS", 100_000_000)
DATASET_MAX_ROW_BYTES = env_int("DATASET_MAX_ROW_BYTES", 16 * 2**20)
DATASET_MAX_EXPANDED_BYTES = env_int("DATASET_MAX_EXPANDED_BYTES", 400 * 2**30)
# Folders of the workers' machines from which people may register data.
DATA_ROOTS = folders("DATA_ROOTS")
# Folders of the workers' machines whose models a training may start from.
MODEL_ROOTS = folders("MODEL_ROOTS")
# What a training costs: watts of one device (where its maker's figure is not meant), what the
# building draws for each watt of its computers, and the grid's grams of CO2 per kilowatt-hour.
ENERGY_WATTS = env_positive("ENERGY_WATTS")
ENERGY_PUE = env_positive("ENERGY_PUE") or 1.2
if ENERGY_PUE < 1:
    raise ImproperlyConfigured(f"ENERGY_PUE must be 1 or more, not {ENERGY_PUE}.")
GRID_GCO2_PER_KWH = env_positive("GRID_GCO2_PER_KWH") or 400.0
# Countries whose telephone numbers reports know without an international prefix.
PHONE_REGIONS = [region for region in env("PHONE_REGIONS", "US,GB,FR,DE").split(",") if region]

# Jobs: long work in a process of its own. Which app does what before and after it.
JOB_KINDS = {
    "dataset.fetch": "llmhub.datasets.jobs.Fetch",
    "dataset.check": "llmhub.datasets.jobs.Check",
    "dataset.import": "llmhub.datasets.jobs.Read",
    "dataset.report": "llmhub.datasets.jobs.Measure",
    "dataset.tokenize": "llmhub.datasets.jobs.Tokenize",
    "dataset.derive": "llmhub.datasets.jobs.Derive",
    "model.register": "llmhub.registry.jobs.Register",
    "model.evaluate": "llmhub.registry.evaluation_jobs.Evaluate",
    "model.export": "llmhub.registry.exporting.ExportJob",
    "checklist.devices": "llmhub.checklists.jobs.Devices",
    "checklist.resume": "llmhub.checklists.jobs.Resume",
    "checklist.membership": "llmhub.checklists.jobs.Membership",
    "checklist.api": "llmhub.checklists.jobs.Api",
    "research.scaling": "llmhub.research.scaling_fits.FitJob",
}
JOB_MEMORY_BYTES = env_int("JOB_MEMORY_BYTES", 4 * 2**30)

# What `manage.py verify_audit` compares with the audit log, beside the chain itself.
AUDIT_WITNESSES = ["llmhub.checklists.witness.findings"]

# Where checks of an API may ask: host or host:port, separated by commas. Without a port these are
# 80 and 443.
API_PROBE_HOSTS = probe_hosts("API_PROBE_HOSTS")

# Who is asked before a run is queued (a module), and before a model's version moves to another
# stage (a function). Start-up fails without them.
LAUNCH_GATE = "llmhub.checklists.gates"
PROMOTION_GATE = "llmhub.checklists.gates.promotion"
# What a run can be launched for. Start-up fails without them too.
LAUNCH_PURPOSES = ["llmhub.research.launching.purpose"]

# Where the concepts of the reference live, in the order of its columns: functions of the apps above
# it (llmhub/reference/places.py). Start-up fails without them.
REFERENCE_PLACES = [
    "llmhub.recipes.places.settings",
    "llmhub.metrics.places.recipes",
    "llmhub.metrics.places.metrics",
    "llmhub.checklists.places.items",
    "llmhub.research.places.research_tracks",
    "llmhub.research.places.hypotheses",
    "llmhub.metrics.places.runs",
]

# Evidence of checklists: what one file may have.
EVIDENCE_MAX_BYTES = env_int("EVIDENCE_MAX_BYTES", 50 * 2**20)
# What housekeeping does for the apps above the runs, by dotted path: every so many seconds.
CHORES = {
    "llmhub.checklists.mails.send": 5,
    "llmhub.checklists.reminders.remind": 600,
}

# The playground: models that one worker holds in memory at once, each in a process of its own; what
# such a process may take, on what it computes (cpu, cuda, cuda:1), and after how long without a
# question it ends.
PLAYGROUND_MODELS = env_int("PLAYGROUND_MODELS", 2)
PLAYGROUND_MEMORY_BYTES = env_int("PLAYGROUND_MEMORY_BYTES", 8 * 2**30)
PLAYGROUND_DEVICE = env("PLAYGROUND_DEVICE", "cpu")
PLAYGROUND_IDLE_SECONDS = env_int("PLAYGROUND_IDLE_SECONDS", 300)

# Runs. A supervisor renews its lease with every heartbeat; a run whose lease ran out is
# unreachable, and lost when nothing was heard of it for LOST_AFTER.
LEASE_SECONDS = env_int("LEASE_SECONDS", 20)
LOST_AFTER_SECONDS = env_int("LOST_AFTER_SECONDS", 300)
# Without a newer checkpoint, until the run is given up.
MAX_ATTEMPTS = 3
# What a script may leave with its run: one file, and all files together.
RUN_FILE_MAX_BYTES = env_int("RUN_FILE_MAX_BYTES", 512 * 2**20)
RUN_FILES_MAX_BYTES = env_int("RUN_FILES_MAX_BYTES", 5 * 2**30)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "filters": {"redact_links": {"()": "llmhub.lib.redaction.RedactLinks"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["redact_links"],
        }
    },
    # uvicorn writes each path; through our handler, without the secrets of one-time links.
    "loggers": {
        **{name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.access")},
        # Anyone may send a wrong Host; a traceback for each tells the operator nothing.
        "django.security.DisallowedHost": {"handlers": [], "level": "CRITICAL"},
        # Of each font in a PDF it tells each table.
        "fontTools": {"level": "WARNING"},
    },
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", "INFO")},
}
