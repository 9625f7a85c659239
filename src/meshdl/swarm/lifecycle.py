"""A download from its hash to its files, and the contents that the store opens.

A download goes METAINFO (info dictionary and piece layers come from peers and are
proved), CREATING (the driver makes the files), FETCHING, FINISHING (the driver gives
the files their names), COMPLETE. The operator may pause it, the store may give up on it
(FAILED); a start begins again with what is there.
"""

from meshdl.errors import MetainfoInvalid
from meshdl.ids import ContentHash
from meshdl.swarm import inputs
from meshdl.swarm.announcements import Announcements
from meshdl.swarm.download import Download
from meshdl.swarm.effects import Advertise, CreateContent, DownloadChanged, FinishContent, Seek
from meshdl.swarm.fetcher import Fetcher
from meshdl.swarm.intake import Intake
from meshdl.swarm.metainfo_traffic import MetainfoTraffic
from meshdl.swarm.session import Session
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import Holding, SwarmState
from meshdl.swarm.transfer_log import TransferLog
from meshdl.swarm.uploads import Uploader
from meshdl.wire import control as wire


class Lifecycle:
    """What becomes of each content at this station."""

    def __init__(
        self,
        state: SwarmState,
        *,
        fetcher: Fetcher,
        intake: Intake,
        uploader: Uploader,
        metainfo: MetainfoTraffic,
        announcements: Announcements,
        log: TransferLog,
    ) -> None:
        self._state = state
        self._fetcher, self._intake = fetcher, intake
        self._uploader = uploader
        self._metainfo = metainfo
        self._announcements = announcements
        self._log = log

    def start(self, event: inputs.StartDownload, *, now: float) -> None:
        """Fetch a content, or go on fetching it."""
        content = event.content
        download = self._fetcher.downloads.get(content)
        if download is None:
            download = Download(content, event.precedence, streamed=event.in_order, now=now)
            download.by_links = event.by_links
            self._fetcher.downloads[content] = download
        download.precedence = event.precedence
        download.streamed = event.in_order
        holding = self._state.holdings.get(content)
        if holding is not None:
            holding.precedence = event.precedence
        resting = download.stage in {Stage.PAUSED, Stage.FAILED}
        if download.by_links != event.by_links and not resting:
            self._change_paths(download, by_links=event.by_links, now=now)
        elif resting or download.stage is Stage.METAINFO:
            download.begun_at, download.by_links = now, event.by_links
            self._begin(download, holding, now)
        self._changed(content)

    def pause(self, content: ContentHash) -> None:
        """Stop fetching."""
        download = self._fetcher.downloads.get(content)
        if download is None or download.stage in {Stage.COMPLETE, Stage.FINISHING}:
            return
        self._stop(download, Stage.PAUSED, None)

    def remove(self, content: ContentHash) -> None:
        """Forget a content."""
        download = self._fetcher.downloads.get(content)
        if download is not None:
            self._stop(download, Stage.PAUSED, None)
            del self._fetcher.downloads[content]
        self._uploader.withdraw(content, reason="not-held")
        self._state.holdings.pop(content, None)
        self._announcements.withdraw_record(content)

    def metainfo_came(
        self, session: Session, answer: wire.Info | wire.Hashes, *, now: float
    ) -> None:
        """A stretch of metainfo arrived.

        Raises:
            RemoteProtocolError: it does not prove.
        """
        if self._metainfo.receive(session, answer, now=now):
            self._described(ContentHash(answer.content_hash))

    def info_checked(self, event: inputs.InfoChecked, *, now: float) -> None:
        """What an info dictionary says is known; piece layers may still be needed."""
        fetch = self._metainfo.fetches.get(event.content)
        if fetch is None:
            return
        if event.metainfo is None:
            self._cannot_use(event.content, event.problem)
            return
        fetch.take(event.metainfo)
        if fetch.done:
            self._described(event.content)
        else:
            self._metainfo.ask(event.content, now=now)

    def metainfo_learned(self, event: inputs.MetainfoLearned) -> None:
        """Metainfo came by another path, before any peer gave it."""
        download = self._fetcher.downloads.get(event.content)
        if download is None or download.stage is not Stage.METAINFO:
            return
        self._metainfo.drop(event.content)
        self._create(CreateContent(event.content, event.metainfo, event.layers, event.chunk_hashes))

    def opened(self, event: inputs.ContentOpened, *, now: float) -> None:
        """The store can read and write a content: serve it, and fetch what is missing."""
        partial = {chunk: leaves for chunk, leaves in event.partial.items() if leaves}
        holding = Holding(event.metainfo, event.chunk_hashes, event.have, event.precedence, partial)
        content = event.content
        self._state.holdings[content] = holding
        self._metainfo.drop(content)
        self._announcements.tell_state(content, holding)
        if holding.have:
            self._state.effects.append(Advertise(content, held=True))
        download = self._fetcher.downloads.get(content)
        if download is None:
            return
        if download.fetching:
            self._fetcher.drop(download)  # what was fetched may no longer be what it was
            self._open(download, holding, now)
        elif download.stage in {Stage.METAINFO, Stage.CREATING}:
            self._open(download, holding, now)

    def written(self, event: inputs.RangeWritten) -> None:
        """Verified octets stand in the file."""
        self._intake.written(event.octets)
        download = self._fetcher.downloads.get(event.content)
        if download is None or not download.fills(self._state.holdings.get(event.content)):
            return
        if download.written(event.chunk, event.offset, event.octets):
            self._announcements.tell_gain(event.content, event.chunk)
            if download.holding.have.bit_count() == 1:
                self._state.effects.append(Advertise(event.content, held=True))
            self._changed(event.content)
            if download.fetching and download.holding.complete:
                self._complete(download)

    def finished(self, content: ContentHash) -> None:
        """The files stand under their own names."""
        download = self._fetcher.downloads.get(content)
        if download is None:
            return
        download.stage = Stage.COMPLETE
        self._end_traffic(content)
        self._changed(content)

    def store_failed(self, content: ContentHash, reason: str) -> None:
        """The store gave up on a content."""
        holding = self._state.holdings.get(content)
        if holding is not None:
            self._uploader.withdraw(content)
            del self._state.holdings[content]
        download = self._fetcher.downloads.get(content)
        # What was under way when it failed fails after it, for a reason that tells less.
        if download is not None and download.stage is not Stage.FAILED:
            self._fail(content, reason)

    def _begin(self, download: Download, holding: Holding | None, now: float) -> None:
        content = download.content
        if download.by_links:
            self._seek(content)
        if holding is None:
            download.stage = Stage.METAINFO
            download.problem = None
            if download.by_links:
                self._metainfo.begin(content, now=now)
            return
        self._open(download, holding, now)

    def _seek(self, content: ContentHash) -> None:
        for session in self._state.peers():
            self._state.tell(session.link, wire.Want(content))
        self._state.effects.append(Seek(content, wanted=True))

    def _change_paths(self, download: Download, *, by_links: bool, now: float) -> None:
        """Ask peers from now on, or no more; what is held and under way stays."""
        content, download.by_links = download.content, by_links
        if not by_links:
            self._metainfo.drop(content)
            self._fetcher.drop(download)
            self._forget_peers(download)
            self._end_traffic(content)
            return
        self._seek(content)
        if download.stage is Stage.METAINFO:
            self._metainfo.begin(content, now=now)

    def _described(self, content: ContentHash) -> None:
        """All metainfo is here and proved."""
        fetch = self._metainfo.fetches[content]
        assert fetch.metainfo is not None
        try:
            hashes = fetch.chunk_hashes()
        except MetainfoInvalid as error:
            self._cannot_use(content, str(error))
            return
        self._metainfo.drop(content)
        self._create(CreateContent(content, fetch.metainfo, fetch.layers, hashes))

    def _cannot_use(self, content: ContentHash, problem: str) -> None:
        self._metainfo.drop(content)
        self._fail(content, f"its metainfo cannot be used: {problem}")

    def _create(self, effect: CreateContent) -> None:
        self._fetcher.downloads[effect.content].stage = Stage.CREATING
        self._state.effects.append(effect)
        self._changed(effect.content)

    def _open(self, download: Download, holding: Holding, now: float) -> None:
        download.start(holding)
        self._announcements.join(download, now=now)
        if holding.complete:
            self._complete(download)
        self._changed(download.content)
        self._fetcher.fill_all(now=now)

    def _complete(self, download: Download) -> None:
        download.suspend(Stage.FINISHING)
        self._state.effects.append(FinishContent(download.content))
        self._changed(download.content)

    def _fail(self, content: ContentHash, reason: str) -> None:
        self._stop(self._fetcher.downloads[content], Stage.FAILED, reason)

    def _stop(self, download: Download, stage: Stage, problem: str | None) -> None:
        content = download.content
        self._metainfo.drop(content)
        self._fetcher.drop(download)
        self._forget_peers(download)
        download.suspend(stage, problem)
        self._end_traffic(content)
        self._changed(content)

    def _forget_peers(self, download: Download) -> None:
        """What they say from now on will not be heard: forget what they said."""
        for session in self._state.peers():
            if download.fetching:
                self._fetcher.uncount(session, download)
            session.station.holdings.pop(download.content, None)

    def _end_traffic(self, content: ContentHash) -> None:
        self._state.effects.append(Seek(content, wanted=False))
        for session in self._state.peers():
            self._log.one(session, content)
            self._state.tell(session.link, wire.Want(content, wanted=False))

    def _changed(self, content: ContentHash) -> None:
        self._state.effects.append(DownloadChanged(content))
