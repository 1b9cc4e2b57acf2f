"""What Stripe's errors mean for an entry (docs.stripe.com/error-low-level)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from activities.billing.http import retry_after
from activities.billing.port import Away, Refused

if TYPE_CHECKING:  # a sixth of a second, for who does not use it
    import stripe


@contextmanager
def speaking(customer: str = "") -> Iterator[None]:
    """Raises Refused and Away; `customer` is who the request was about."""
    import stripe

    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Refused(
            f"Stripe refused the key ({_said(error)}): make a restricted key that may write "
            "invoice items and meter events and read customers, and set PLAZO_STRIPE_KEY",
            everywhere=True,
        ) from error
    except stripe.APIConnectionError as error:
        cause = error.__cause__
        nothing_sent = isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout)
        why = type(cause or error).__name__
        raise Away(f"Stripe: {why}", unsure=not nothing_sent) from error
    except stripe.StripeError as error:
        raise _refusal(error, customer) from error


def _refusal(error: "stripe.StripeError", customer: str) -> Exception:
    status = error.http_status or 0
    after = retry_after((error.headers or {}).get("retry-after"))
    if status == 429:
        words = "Stripe is asked too often for now (429)"
        return Away(words, unsure=False, answered=True, after=after)
    if status == 409:
        return Away("Stripe is busy with the same request", unsure=True)
    if 400 <= status < 500:
        if customer and (error.code == "resource_missing" or status == 404):
            return Refused(no_such(customer))
        return Refused(f"Stripe refused it ({status}): {_said(error)}")
    words = f"Stripe answered {status}"
    return Away(words, unsure=True, answered=status >= 500, after=after)


def no_such(customer: str) -> str:
    return (
        f"Stripe has no customer {customer}: correct `billing: {{backend: stripe, id: cus_…}}` of "
        "the client and import the file"
    )


def _said(error: "stripe.StripeError") -> str:
    return " ".join((error.user_message or str(error)).split())[:300]
