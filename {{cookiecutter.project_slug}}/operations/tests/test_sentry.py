from operations.keys import without_keys
from operations.sentry import without_requests


def test_requests_to_others_are_left_out() -> None:
    """Their addresses are secrets: a bot's has its token in it, a browser's lets anyone push."""
    request = {"type": "http", "category": "httplib", "data": {"url": "https://example.com/bot1:a"}}
    line = {"type": "log", "category": "site", "message": "hello"}
    assert without_requests(request, None) is None
    assert without_requests(line, None) == line


def test_keys_in_addresses_are_left_out() -> None:
    event = {
        "request": {"url": "https://chat.example.com/hooks/s3cret/", "method": "POST"},
        "logentry": {"message": "Failed: %s", "params": ["/hooks/s3cret/", "/join/s3cret/"]},
    }
    assert without_keys(event) == {
        "request": {"url": "https://chat.example.com/hooks/.../", "method": "POST"},
        "logentry": {"message": "Failed: %s", "params": ["/hooks/.../", "/join/.../"]},
    }
