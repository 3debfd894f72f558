"""Settings of the whole product, from the environment. `.env.example` lists every variable."""

from pathlib import Path

import django_stubs_ext
import environ
from celery.schedules import crontab
from corsheaders.defaults import default_headers
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from redis.backoff import NoBackoff
from redis.retry import Retry

from optimizer_project import environment
from optimizer_project.log_config import logging_config

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

VERSION = "0.1.0"
ENVIRONMENT = environment.choice(env, "ENVIRONMENT", environment.ENVIRONMENTS, "development")
IS_PRODUCTION = ENVIRONMENT == "production"
DEBUG = environment.boolean(env, "DEBUG", False)
OPTIMIZER_OPEN_API = environment.boolean(env, "OPTIMIZER_OPEN_API", False)
if IS_PRODUCTION and DEBUG:
    raise ImproperlyConfigured("DEBUG=true is refused when ENVIRONMENT=production.")
if OPTIMIZER_OPEN_API and not DEBUG:
    raise ImproperlyConfigured("OPTIMIZER_OPEN_API=true opens the API to everyone and is refused unless DEBUG=true.")

DATA_DIR = Path(environment.text(env, "DATA_DIR", str(BASE_DIR / "data")))
SECRET_KEY = environment.secret_key(env, DATA_DIR, IS_PRODUCTION)
SECRET_KEY_FALLBACKS = environment.words(env, "SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = environment.words(env, "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
if IS_PRODUCTION and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS=* is refused when ENVIRONMENT=production: list the host names.")
CSRF_TRUSTED_ORIGINS = environment.words(env, "CSRF_TRUSTED_ORIGINS", [])
REDIS_URL = environment.redis_url(env)

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "csp",
    "channels",
    "django_celery_beat",
    "django_structlog",
    "optimizer_project",
    "accounts",
    "routing",
    "feedback",
    "learning",
    "experiments",
    "monitoring",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "optimizer_project.middleware.RequestLogMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "optimizer_project.middleware.OptionalSlashMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPEND_SLASH = False
ROOT_URLCONF = "optimizer_project.urls"
ASGI_APPLICATION = "optimizer_project.asgi.application"
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
                "csp.context_processors.nonce",
            ]
        },
    }
]

DATABASES = {"default": environment.database(env, DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {
    "default": (
        {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # Longer than the five seconds that a listener waits for a message in one question.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_connect_timeout": 1, "socket_timeout": 10}]},
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

# Times out soon and never tries twice: whoever needs the cache goes on without it.
CACHES = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "optimizer",
            "OPTIONS": {
                "serializer": "optimizer_project.cache_serializer.JsonSerializer",
                "socket_connect_timeout": 0.1,
                "socket_timeout": 0.15,
                "retry": Retry(NoBackoff(), 0),
            },
        }
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "KEY_PREFIX": "optimizer"}
    )
}

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = reverse_lazy("admin:login")
CSRF_FAILURE_VIEW = "optimizer_project.error_views.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SECURE_SSL_REDIRECT = environment.boolean(env, "SECURE_SSL_REDIRECT", IS_PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^health"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_PRODUCTION
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if environment.boolean(env, "TRUST_PROXY_HEADERS", False) else None
)
X_FRAME_OPTIONS = "DENY"
CORS_ALLOWED_ORIGINS = environment.words(env, "CORS_ALLOWED_ORIGINS", [])
CORS_ALLOW_HEADERS = (
    *default_headers,
    "x-api-key",
    "idempotency-key",
    *(
        f"x-optimizer-{control}"
        for control in ("max-cost-usd", "min-quality", "cache", "session", "task", "experiment")
    ),
)
CORS_EXPOSE_HEADERS = ("retry-after", "x-request-id", "x-optimizer-idempotent-replay")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # The admin's theme evaluates small expressions in the page (Alpine) and needs unsafe-eval.
        "script-src": [SELF, NONCE, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
SERVESTATIC_USE_FINDERS = not IS_PRODUCTION
SERVESTATIC_AUTOREFRESH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.IsTeamOrStaff"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["optimizer_project.renderers.ExactJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["optimizer_project.parsers.StrictJSONParser"],
    "EXCEPTION_HANDLER": "optimizer_project.api_errors.exception_handler",
    "COERCE_DECIMAL_TO_STRING": False,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AI Cost Optimizer",
    "DESCRIPTION": "An OpenAI-compatible gateway that sends each prompt to the cheapest model that is good enough.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "routing.gateway.openapi.add_gateway_paths",
    ],
}

# Live metrics
LIVE_PERIOD_SECONDS = environment.integer(env, "LIVE_PERIOD_SECONDS", 5, 1, 60)
LIVE_MAX_VIEWERS = environment.integer(env, "LIVE_MAX_VIEWERS", 5000, 1, 100_000)

CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2, "visibility_timeout": 3600}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
RETRAIN_CRON = environment.crontab(env, "RETRAIN_CRON", "0 2 * * 0")
CELERY_BEAT_SCHEDULE = {
    "refresh-prices": {"task": "routing.tasks.refresh_prices", "schedule": 86_400.0},
    # One that waited for longer than a period would only repeat what the next one says.
    "publish-live": {
        "task": "monitoring.tasks.publish_live",
        "schedule": float(LIVE_PERIOD_SECONDS),
        "options": {"expire_seconds": LIVE_PERIOD_SECONDS},
    },
    "reconcile-ledger": {"task": "routing.tasks.reconcile_ledger", "schedule": 30.0},
    "delete-expired": {"task": "routing.tasks.delete_expired", "schedule": 3600.0},
    # Expires, so that runs that found no worker do not pile up.
    "roll-up-usage": {"task": "routing.tasks.roll_up_usage", "schedule": 60.0, "options": {"expires": 55.0}},
    "add-up-ratings": {"task": "feedback.tasks.add_up_ratings", "schedule": 600.0, "options": {"expires": 590.0}},
    "link-feedback": {"task": "feedback.tasks.link_pending", "schedule": 300.0},
    "retrain-weekly": {"task": "learning.tasks.retrain", "schedule": crontab.from_string(RETRAIN_CRON)},
    # An hour after the retraining of the table by default.
    "train-predictors-weekly": {
        "task": "learning.tasks.train_predictors",
        "schedule": crontab(minute="0", hour="3", day_of_week="sunday"),
    },
    "watch-learning": {"task": "learning.tasks.watch", "schedule": crontab(minute="30", hour="1")},
    "evaluate-candidates": {"task": "learning.tasks.evaluate_candidates", "schedule": crontab(minute="30", hour="3")},
    "sweep-experiments": {"task": "experiments.tasks.sweep", "schedule": crontab(minute="15")},
    "keep-up-experiments": {
        "task": "experiments.tasks.keep_up",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
}

LOG_LEVEL = environment.choice(env, "LOG_LEVEL", environment.LOG_LEVELS, "INFO")
LOG_JSON = environment.boolean(env, "LOG_JSON", IS_PRODUCTION)
LOGGING = logging_config(LOG_LEVEL, as_json=LOG_JSON)

# The gateway
GATEWAY_MAX_BODY_BYTES = environment.integer(env, "GATEWAY_MAX_BODY_BYTES", 10 * 1024 * 1024, 1024, 100 * 1024 * 1024)
GATEWAY_BODY_SECONDS = environment.integer(env, "GATEWAY_BODY_SECONDS", 15, 1, 600)
GATEWAY_MAX_IN_FLIGHT = environment.integer(env, "GATEWAY_MAX_IN_FLIGHT", 2000, 1, 100_000)
GATEWAY_STORE_SECONDS = environment.integer(env, "GATEWAY_STORE_SECONDS", 2, 1, 60)
GATEWAY_DRAIN_SECONDS = environment.integer(env, "GATEWAY_DRAIN_SECONDS", 25, 0, 600)
EMBEDDED_PROVIDERS = environment.boolean(env, "EMBEDDED_PROVIDERS", not IS_PRODUCTION)
EMBEDDED_MODEL_URL = environment.text(env, "EMBEDDED_MODEL_URL", "")
if IS_PRODUCTION and EMBEDDED_PROVIDERS:
    raise ImproperlyConfigured(
        "EMBEDDED_PROVIDERS=true is refused when ENVIRONMENT=production: its answers are for trials only."
    )

# Feedback and learning
FEEDBACK_REQUIRE_KNOWN_REQUEST = environment.boolean(env, "FEEDBACK_REQUIRE_KNOWN_REQUEST", False)
FEEDBACK_PER_MINUTE = environment.integer(env, "FEEDBACK_PER_MINUTE", 600, 1, 1_000_000)
FEEDBACK_TOKEN_DAYS = environment.integer(env, "FEEDBACK_TOKEN_DAYS", 30, 1, 365)
LEARNING_MIN_DISTINCT_USERS = environment.integer(env, "LEARNING_MIN_DISTINCT_USERS", 1, 1, 10_000)
LEARNING_WINDOW_DAYS = environment.integer(env, "LEARNING_WINDOW_DAYS", 90, 1, 730)
EXPLORATION_SHARE = environment.share(env, "EXPLORATION_SHARE", 0.02)
RANDOM_SHARE = environment.share(env, "RANDOM_SHARE", 0.005)
PROMOTION_QUALITY_MARGIN = environment.share(env, "PROMOTION_QUALITY_MARGIN", 0.02)
EMBEDDING_DAYS = environment.integer(env, "EMBEDDING_DAYS", 7, 1, 730)
EXPERIMENT_TRIAL_PERCENT = environment.integer(env, "EXPERIMENT_TRIAL_PERCENT", 20, 1, 100)
CALIBRATION_GRADER_HOSTS = environment.words(env, "CALIBRATION_GRADER_HOSTS", ["localhost", "127.0.0.1", "[::1]"])

UNFOLD = {
    "DASHBOARD_CALLBACK": "monitoring.views.start_page.add_figures",
    "SITE_TITLE": "AI Cost Optimizer",
    "SITE_HEADER": "AI Cost Optimizer",
    "SITE_SYMBOL": "savings",
    "SITE_DROPDOWN": [
        {"icon": "home", "title": "Start page", "link": reverse_lazy("admin:index")},
        {"icon": "monitoring", "title": "Live dashboard", "link": reverse_lazy("dashboard")},
        {"icon": "lab_profile", "title": "Reports", "link": reverse_lazy("reports")},
    ],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"/{STATIC_URL}dashboard/icon.svg"}],
}
