"""Settings of the whole product, from the environment. `.env.example` lists every variable."""

from datetime import timedelta
from pathlib import Path

import django_stubs_ext
import environ
from corsheaders.defaults import default_headers
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts.domain.features import Feature
from optimizer_project import environment, schedules
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
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_structlog",
    "optimizer_project",
    "jobs",
    "accounts",
    "routing",
    "feedback",
    "learning",
    "experiments",
    "insights",
    "monitoring",
]
MIDDLEWARE = [
    "optimizer_project.figures_middleware.FiguresMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "optimizer_project.middleware.RequestLogMiddleware",
    "optimizer_project.middleware.NoStoreMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "optimizer_project.middleware.OptionalSlashMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
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
# Reports may be read from a replica; without one there is nothing to route.
DATABASE_REPLICA_MAX_LAG_SECONDS = environment.integer(env, "DATABASE_REPLICA_MAX_LAG_SECONDS", 30, 1, 3600)
DATABASE_ROUTERS = []
if replica := environment.replica(env, DATABASES["default"]):
    DATABASES["replica"] = replica
    DATABASE_ROUTERS = ["accounts.services.replica.Router"]
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
AUTHENTICATION_BACKENDS = [
    "accounts.services.login_throttle.ThrottledBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_HANDLER = "accounts.services.login_throttle.ThrottledAttempts"
AXES_FAILURE_LIMIT = environment.integer(env, "LOGIN_ATTEMPTS", 5, 1, 1000)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "accounts.services.login_throttle.address_of"
AXES_RESET_ON_SUCCESS = True
# Waiting is not made longer by trying on, so what is kept of it does not grow either.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]
AXES_VERBOSE = False
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
OTP_TOTP_ISSUER = "AI Cost Optimizer"
REQUIRE_SECOND_FACTOR = environment.boolean(env, "REQUIRE_SECOND_FACTOR", False)
WRONG_KEYS_PER_MINUTE = environment.integer(env, "WRONG_KEYS_PER_MINUTE", 60, 1, 1_000_000)
CSRF_FAILURE_VIEW = "optimizer_project.error_views.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
if IS_PRODUCTION:
    # Browsers take cookies of these names over HTTPS only, for this host only, and from no subdomain.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
# From the log-in on, however much is done meanwhile.
SESSION_COOKIE_AGE = 3600 * environment.integer(env, "SESSION_HOURS", 24, 1, 336)
SECURE_SSL_REDIRECT = environment.boolean(env, "SECURE_SSL_REDIRECT", IS_PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics/?$"]
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
    "ENUM_NAME_OVERRIDES": {
        "ExperimentStatusEnum": "experiments.models.Experiment.Status",
        "FindingStatusEnum": "insights.models.Finding.Status",
        "HealthStatusEnum": ["healthy", "degraded", "unhealthy"],
        "DatabaseStatusEnum": ["ok", "not_migrated", "unavailable"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "routing.gateway.openapi.add_gateway_paths",
    ],
}

# Live metrics
LIVE_PERIOD_SECONDS = environment.integer(env, "LIVE_PERIOD_SECONDS", 5, 1, 60)
LIVE_MAX_VIEWERS = environment.integer(env, "LIVE_MAX_VIEWERS", 5000, 1, 100_000)

# Work in the background
ENABLE_SCHEDULER = environment.boolean(env, "ENABLE_SCHEDULER", True)
# Figures for Prometheus: who may read them
METRICS_TOKEN = environment.text(env, "METRICS_TOKEN", "")
THIS_MACHINE = [] if IS_PRODUCTION else ["127.0.0.0/8", "::1/128"]
METRICS_ALLOWED_NETWORKS = environment.networks(env, "METRICS_ALLOWED_NETWORKS", THIS_MACHINE)

METRICS_PORT = environment.integer(env, "METRICS_PORT", 0, 0, 65535)

# Traces and GenAI metrics; the packages read the standard OTEL_ variables themselves
OTEL_ENABLED = environment.boolean(env, "OTEL_ENABLED", False)

CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "jobs.beat:Scheduler"
# No results are kept, so none expire; otherwise beat would add an entry of its own.
CELERY_RESULT_EXPIRES = None
CELERY_WORKER_CONSUMER = "jobs.consumer:Consumer"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A worker waits for its broker for as long as it takes; nobody else does, for what is to be done is in the database.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2, "visibility_timeout": 3600}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
RETRAIN_CRON = environment.crontab(env, "RETRAIN_CRON", "0 2 * * 0")
CELERY_BEAT_SCHEDULE = schedules.entries(live_period_seconds=LIVE_PERIOD_SECONDS, retrain_cron=RETRAIN_CRON)
JOB_CHAINS = schedules.CHAINS

LOG_LEVEL = environment.choice(env, "LOG_LEVEL", environment.LOG_LEVELS, "INFO")
LOG_JSON = environment.boolean(env, "LOG_JSON", IS_PRODUCTION)
LOGGING = logging_config(LOG_LEVEL, as_json=LOG_JSON)

# The gateway
GATEWAY_MAX_BODY_BYTES = environment.integer(env, "GATEWAY_MAX_BODY_BYTES", 10 * 1024 * 1024, 1024, 100 * 1024 * 1024)
GATEWAY_BODY_SECONDS = environment.integer(env, "GATEWAY_BODY_SECONDS", 15, 1, 600)
GATEWAY_MAX_IN_FLIGHT = environment.integer(env, "GATEWAY_MAX_IN_FLIGHT", 2000, 1, 100_000)
GATEWAY_STORE_SECONDS = environment.integer(env, "GATEWAY_STORE_SECONDS", 2, 1, 60)
GATEWAY_DRAIN_SECONDS = environment.integer(env, "GATEWAY_DRAIN_SECONDS", 25, 0, 600)
UPGRADE_LIMIT_PERCENT = environment.integer(env, "UPGRADE_LIMIT_PERCENT", 80, 0, 100)
UPGRADE_LIMIT_AFTER = environment.integer(env, "UPGRADE_LIMIT_AFTER", 200, 1, 1_000_000)
EMBEDDED_PROVIDERS = environment.boolean(env, "EMBEDDED_PROVIDERS", not IS_PRODUCTION)
EMBEDDED_MODEL_URL = environment.text(env, "EMBEDDED_MODEL_URL", "")
if IS_PRODUCTION and EMBEDDED_PROVIDERS:
    raise ImproperlyConfigured(
        "EMBEDDED_PROVIDERS=true is refused when ENVIRONMENT=production: its answers are for trials only."
    )

# Feedback and learning
LEARNING_ENABLED = environment.boolean(env, "LEARNING_ENABLED", True)
LEARNING_FEATURES_DISABLED = environment.words_of(env, "LEARNING_FEATURES_DISABLED", Feature)
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

# Alerts: addresses of the notification library, where staff have not entered one in the admin
ALERT_ADDRESSES = {
    "pagerduty": environment.text(env, "ALERT_PAGERDUTY_URL", ""),
    "slack": environment.text(env, "ALERT_SLACK_URL", ""),
    "email": environment.text(env, "ALERT_EMAIL_URL", ""),
    "webhook": environment.text(env, "ALERT_WEBHOOK_URL", ""),
}

# Telemetry events
METRICS_RETENTION_DAYS = environment.integer(env, "METRICS_RETENTION_DAYS", 90, 1, 3650)

# The admin
ADMIN_SQL_PAGE = environment.boolean(env, "ADMIN_SQL_PAGE", False)

UNFOLD = {
    "DASHBOARD_CALLBACK": "monitoring.views.start_page.add_figures",
    "LOGIN": {"form": "accounts.login_form.StaffLoginForm"},
    "ACCOUNT": {"navigation": [{"title": "Two-factor login", "link": reverse_lazy("admin:second_factor")}]},
    "SITE_TITLE": "AI Cost Optimizer",
    "SITE_HEADER": "AI Cost Optimizer",
    "SITE_SYMBOL": "savings",
    "SITE_DROPDOWN": [
        {"icon": "home", "title": "Start page", "link": reverse_lazy("admin:index")},
        {"icon": "monitoring", "title": "Live dashboard", "link": reverse_lazy("dashboard")},
        {"icon": "lab_profile", "title": "Reports", "link": reverse_lazy("reports")},
        {"icon": "toggle_on", "title": "Features", "link": reverse_lazy("features")},
        {"icon": "stairs", "title": "Rollout", "link": reverse_lazy("rollout")},
    ],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"/{STATIC_URL}dashboard/icon.svg"}],
}
