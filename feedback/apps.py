from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class FeedbackConfig(AppConfig):
    name = "feedback"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from feedback import analyst_views

        pre_migrate.connect(analyst_views.drop, sender=self)
        post_migrate.connect(analyst_views.create, sender=self)
