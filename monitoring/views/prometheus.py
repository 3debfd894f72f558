from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from monitoring.services import exposition, scrape_access


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    try:
        scrape_access.check(request.headers, request.META.get("REMOTE_ADDR", ""))
    except scrape_access.ScrapeRefused as error:
        return JsonResponse({"detail": str(error)}, status=403)
    return HttpResponse(exposition.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
