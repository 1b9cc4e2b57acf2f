"""The API's routers, in the order in which the document shows them."""

from gateway.api import (
    acts,
    billing,
    campaigns,
    clients,
    incidents,
    links,
    listings,
    people,
    reports,
    tasks,
    tokens,
)

ROUTERS = (
    incidents.router, acts.router, links.router, tasks.router, clients.router,
    campaigns.router, listings.router, billing.router, reports.router, people.router, tokens.router,
)  # fmt: skip
