"""The catalog as people look at it: every provider with its models, whether it can be reached or not."""

from django.db.models import Prefetch

from routing.models import LanguageModel, Provider


def providers_with_models() -> list[Provider]:
    """Return every provider in the order they are asked, each with its enabled models by name, in two queries."""
    models = LanguageModel.objects.filter(is_enabled=True).order_by("name")
    return list(Provider.objects.prefetch_related(Prefetch("language_models", queryset=models)))
