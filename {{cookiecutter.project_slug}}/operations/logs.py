"""Log lines for programs: one JSON object for each event."""

import json
import logging
import re
from datetime import UTC, datetime

from realtime.tracing import request_id

ORDINARY = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
PLAIN = (str, int, float, bool)

# Links in the site's mail contain keys that sign in whoever has them.
KEYS = re.compile(r"(/accounts/(?:confirm-email|password/reset/key)/)[^/\s\"']+")


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, `for` (the id of the request or connection) and `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | float] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["for"] = request_id.get()
        for name, value in vars(record).items():
            if name not in ORDINARY and isinstance(value, PLAIN):
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return KEYS.sub(r"\1...", json.dumps(line))
