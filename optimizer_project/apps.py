from django.apps import AppConfig


class OptimizerProjectConfig(AppConfig):
    name = "optimizer_project"
