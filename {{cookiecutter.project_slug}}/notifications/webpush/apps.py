"""Web push as a Django app."""

from django.apps import AppConfig


class WebPushConfig(AppConfig):
    name = "notifications.webpush"
    label = "webpush"
    verbose_name = "Web push"

    def ready(self) -> None:
        from notifications import outlets, panels
        from notifications.webpush import checks, queue

        outlets.register(queue.enqueue, flush=queue.send_due)
        panels.register("webpush/_panel.html", script="webpush/keep.js")
        checks.register()
