from collections.abc import Collection, Mapping

from django.db import models

from realtime.topics import Topic, register


class Notice(models.Model):
    slug = models.SlugField(unique=True)
    text = models.CharField(max_length=64, blank=True)
    rev = models.PositiveBigIntegerField(default=0, editable=False)
    """The number of its latest change."""

    def __str__(self) -> str:
        return self.slug


class NoticeTopic(Topic):
    prefix = "notice"

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        rows = Notice.objects.filter(slug__in=keys)
        return dict(rows.values_list("slug", "rev"))


register(NoticeTopic())
