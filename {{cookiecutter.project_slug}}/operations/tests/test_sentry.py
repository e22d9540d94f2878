from operations.sentry import without_requests


def test_requests_to_others_are_left_out() -> None:
    """Their addresses are secrets: a bot's has its token in it, a browser's lets anyone push."""
    request = {"type": "http", "category": "httplib", "data": {"url": "https://example.com/bot1:a"}}
    line = {"type": "log", "category": "site", "message": "hello"}
    assert without_requests(request, None) is None
    assert without_requests(line, None) == line
