"""Why a request gets no answer. Each reason has one status, and is a label value in the metrics."""

from whatsit.errors import WhatsitError

STATUS = {
    "bad_input": 400,
    "key": 401,
    "origin": 403,
    "unknown": 404,
    "method": 405,
    "slow_body": 408,
    "conflict": 409,
    "too_large": 413,
    "encoding": 415,
    "host": 421,
    "overload": 429,
    "deadline": 503,
    "failed": 503,
    "not_ready": 503,
}
RETRY_AFTER = {"overload": 1, "deadline": 2, "failed": 5, "not_ready": 2}  # seconds


class Refused(WhatsitError):  # noqa: N818 (no error of the server's: an answer)
    """reason: one of `STATUS`. The message goes to the client, so it names nothing of this machine."""

    def __init__(self, reason: str, message: str, allow: str | None = None) -> None:
        """allow: the methods that there are, where the method was wrong."""
        super().__init__(message)
        self.reason = reason
        self.allow = allow

    @property
    def status(self) -> int:
        return STATUS[self.reason]

    @property
    def retry_after(self) -> int | None:
        return RETRY_AFTER.get(self.reason)
