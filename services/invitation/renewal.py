"""A new LINK_SECRET: at the start, every link that another one made is issued anew."""

from chassis.background import every
from services.invitation import link_store
from services.invitation.flows import Invitations

RENEW_EVERY = 3600.0  # what an instance of the old secret still issued meanwhile


class Renewal:
    """Of one process, which says once that its secret is the one in use."""

    def __init__(self, invitations: Invitations) -> None:
        self._invitations = invitations
        self._has_taken_over = False

    async def run(self) -> None:
        """Until cancelled."""
        if not self._has_taken_over:
            await self._take_over()
        await every(RENEW_EVERY, self._invitations.renew_links)()

    async def _take_over(self) -> None:
        key, at = self._invitations.telling.links.key, self._invitations.clock()
        async with self._invitations.database.writing() as tx:
            await link_store.take_over(tx, key, at)
        self._has_taken_over = True
