"""Outlets: what carries the changes of a feed to somewhere else, as a webhook or a bridge does."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from time import monotonic
from typing import Any, ClassVar

from django.apps import apps
from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from realtime.feeds.changes import feeds_changed
from realtime.feeds.models import FeedItem
from realtime.feeds.reading import missed
from realtime.tasks import RetryLater, enqueue_many, task
from realtime.tasks.api import TaskContext
from realtime.tasks.models import UNFINISHED, TaskRow
from realtime.tasks.worker import pause_after

logger = logging.getLogger(__name__)

TURN_SECONDS = 60.0
"""An outlet that has more to deliver lets other tasks run after so long."""


class GiveUp(Exception):
    """Raised by `Outlet.deliver`: the other end wants nothing more."""


class Outlet(models.Model):
    """Carries a feed's changes to somewhere else, in order, each at least once.

    A subclass has a foreign key to the feed, and `deliver`. Make one under the feed's lock, with
    the feed's `last_rev` as its `rev`, or 0 for all that there is. An item that changed twice
    meanwhile is delivered once, as it is now; a deleted one has `deleted_at`.
    """

    rev = models.PositiveBigIntegerField(default=0, editable=False)
    """Delivered up to here."""
    is_active = models.BooleanField(_("active"), default=True)
    failing_since = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    """In a row, since then."""
    error = models.CharField(max_length=500, blank=True, editable=False)
    """What the latest of them said."""
    task = models.PositiveBigIntegerField(null=True, editable=False)
    """The id of the one task that delivers."""

    # Named here and not above, where migrations of each subclass would have the names too.
    failing_since.verbose_name = _("failing since")
    failures.verbose_name = _("failures")
    error.verbose_name = _("error")

    feed_field: ClassVar[str]
    """The name of its foreign key to the feed."""
    item_model: ClassVar[type[FeedItem]]
    page_items: ClassVar[int] = 50
    """The most that `deliver` gets at once."""
    give_up_after: ClassVar[timedelta] = timedelta(days=3)
    """For how long it fails before it is made inactive."""

    class Meta:
        abstract = True

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:  # Any: whatever Django's own save takes
        if self._state.adding:
            feeds: Any = self._meta.get_field(self.feed_field).related_model
            feed_id = getattr(self, f"{self.feed_field}_id")
            feeds._default_manager.filter(pk=feed_id).update(has_outlets=True)
        super().save(*args, **kwargs)

    def deliver(self, items: Sequence[Any]) -> None:  # Any: of `item_model`
        """Hand over some changes; runs in a task's thread, outside any transaction.

        Raises:
            GiveUp: to be made inactive.
            RetryLater: to be called again with the same, as for any other exception, after a pause.
        """
        raise NotImplementedError

    def gave_up(self) -> None:
        """Called in the transaction that makes it inactive; `error` says why."""

    @classmethod
    def wake(cls) -> None:
        """Have those that failed try again now: the other side is there."""
        for outlet in cls._default_manager.filter(is_active=True).exclude(failing_since=None):
            outlet.enqueue()

    @transaction.atomic
    def restart(self) -> None:
        """Make it active, and deliver at once, as if nothing had failed before."""
        fresh = {"is_active": True, "failing_since": None, "failures": 0, "error": ""}
        type(self)._default_manager.filter(pk=self.pk).update(**fresh)
        self.refresh_from_db()
        self.enqueue()

    @transaction.atomic
    def enqueue(self, pause: timedelta = timedelta()) -> None:
        """Enqueue the task that delivers, in place of the one that was there."""
        call = deliver_outlet.using(run_after=timezone.now() + pause if pause else None)
        self._write(task=int(call.enqueue(self._meta.label, self.pk).id))

    def _run(self) -> None:
        """Deliver what there is, for `TURN_SECONDS`."""
        until = monotonic() + TURN_SECONDS
        feed = getattr(self, self.feed_field)
        while not (feed.last_rev <= self.rev and self._rest(feed)):
            feed.refresh_from_db(fields=["last_rev"])
            place = (feed, self.rev)
            items, more = missed(self.item_model, [place], self.page_items)[place]
            try:
                if items:
                    self.deliver(items)
            except Exception as error:
                return self._fail(error)
            last = items[-1].rev if items else 0
            rev = last if more else max(last, feed.last_rev)
            if not self._write(rev=rev, failing_since=None, failures=0, error=""):
                return None
            if monotonic() > until:
                return self.enqueue()
        return None

    def _rest(self, feed: Any) -> bool:  # Any: a feed's row
        """End the task, unless more came; whoever changes the feed then enqueues another."""
        with feed.changing() as changes:
            feed.last_rev = changes.feed.last_rev
            return feed.last_rev <= self.rev and self._write(task=None)

    def _fail(self, error: Exception) -> None:
        since = self.failing_since or timezone.now()
        gives_up = isinstance(error, GiveUp) or timezone.now() - since >= self.give_up_after
        pause = pause_after(error, self.failures)
        is_told = isinstance(error, GiveUp | RetryLater)
        what = str(error) if is_told else f"{type(error).__name__}: {error}"
        text = what.replace("\x00", "")[:500]
        next_step = "it is off" if gives_up else f"the next try is in {pause.total_seconds():.0f} s"
        logger.warning("%s delivered nothing, %s: %s", self, next_step, text)
        with transaction.atomic():
            if not self._write(failing_since=since, failures=self.failures + 1, error=text):
                return
            if gives_up:
                self._write(is_active=False)
                self.gave_up()
            else:
                self.enqueue(pause)

    def _write(self, **values: Any) -> bool:  # Any: of each field's type
        """Save values, unless it was made inactive or another task took this one's place."""
        mine = type(self)._default_manager.filter(
            pk=self.pk, task=self.task, rev=self.rev, is_active=True
        )
        for name, value in values.items():
            setattr(self, name, value)
        return mine.update(**values) == 1


@task(takes_context=True)
def deliver_outlet(context: "TaskContext[..., None]", label: str, pk: int) -> None:
    """Deliver what an outlet has not delivered yet."""
    model: Any = apps.get_model(label)  # Any: of whichever outlet
    own = model._default_manager.filter(pk=pk, task=context.task_result.id, is_active=True)
    outlet = own.select_related(model.feed_field).first()
    if outlet is not None:
        outlet._run()


def enqueue_outlets(sender: type[models.Model], ids: Sequence[int], **kwargs: Any) -> None:
    """Enqueue, in the transaction that changes feeds, what delivers for the outlets that rest."""
    for model in outlets_of(sender):
        busy = TaskRow.objects.filter(UNFINISHED, pk=OuterRef("task"))
        resting = model._default_manager.filter(~Exists(busy), is_active=True)
        outlets = list(resting.filter(**{f"{model.feed_field}__in": ids}))
        rows = enqueue_many(deliver_outlet, [(model._meta.label, each.pk) for each in outlets])
        for outlet, row in zip(outlets, rows, strict=True):
            outlet.task = row.pk
        model._default_manager.bulk_update(outlets, ["task"])


@cache
def outlets_of(feed_model: type[models.Model]) -> list[type[Outlet]]:
    """The kinds of outlets of a kind of feed."""
    return [
        each
        for each in apps.get_models()
        if issubclass(each, Outlet)
        and each._meta.get_field(each.feed_field).related_model is feed_model
    ]


feeds_changed.connect(enqueue_outlets)
