from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MonitoringConfig(AppConfig):
    name = "monitoring"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from monitoring.services import alert_defaults, roles

        # This app's turn is the last, when the permissions of all apps are there.
        post_migrate.connect(roles.keep, sender=self)
        post_migrate.connect(alert_defaults.ensure, sender=self)
