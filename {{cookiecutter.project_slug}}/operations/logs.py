"""Log lines for programs: one JSON object an event."""

import json
import logging
import re
from datetime import UTC, datetime

from realtime.tracing import request_id

ORDINARY = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
PLAIN = (str, int, float, bool)

# Links in the site's mail carry a key that lets whoever has it in.
KEYS = re.compile(r"(/accounts/(?:confirm-email|password/reset/key)/)[^/\s\"']+")


class JsonFormatter(logging.Formatter):
    """Time, level, logger and message; for what it was done; and what `extra` adds."""

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
