"""Every exception meshdl raises on purpose.

* :exc:`MeshdlError`
    * :exc:`ProtocolError` (abstract)
        * :exc:`LocalProtocolError`: this program broke the protocol. A bug of ours.
        * :exc:`RemoteProtocolError`: a peer broke it. Drop the peer, keep running.
    * :exc:`LinkError`: the other station or our own daemon cannot be reached now.
        * :exc:`LinkClosed`
        * :exc:`LinkRefused`: the other side said no, or we did.
        * :exc:`StationNotRunning`: no station runs on this home directory.
    * :exc:`ContentError`: octets or names that cannot be trusted or understood.
        * :exc:`MetainfoInvalid`
            * :exc:`UnsafePath`
        * :exc:`RecordInvalid`
        * :exc:`InvitationInvalid`: to a room.
        * :exc:`ContentLinkInvalid`
        * :exc:`CaptureInvalid`
        * :exc:`ContentUnknown`: no such content at this station.
        * :exc:`SourceNotFound`: nobody who can be reached has it.
    * :exc:`StorageError`: a file or a disk is in the way.
        * :exc:`DiskFull`
        * :exc:`FileChanged`
        * :exc:`FilePrivate`
        * :exc:`FileUnreadable`
        * :exc:`FileUnwritable`
        * :exc:`TargetExists`
        * :exc:`HomeInUse`
        * :exc:`LogDamaged`: the station log is not as it was written.
    * :exc:`ModemError`: what stands between this program and the antenna is in the way.
        * :exc:`ModemUnavailable`: a library or a program for it is not installed.
        * :exc:`AudioUnavailable`: no such sound device, or it is gone.
        * :exc:`RigUnavailable`: PTT or dial cannot be reached, or does not obey.
            * :exc:`RigRefused`: it says that it cannot do this.
    * :exc:`ConfigError`: the operator must change a setting.

Catch the class whose *remedy* you implement. Nothing catches ``Exception`` below
the station's supervisor, and nothing there hides a :exc:`LocalProtocolError`.
Messages say what happened, to what, and what to do next.
"""


class MeshdlError(Exception):
    """Base of every deliberate error, so that one ``except`` can fence us off."""


class ProtocolError(MeshdlError):
    """A rule of a protocol was broken; the subclass says by whom."""

    def __init__(self, message: str) -> None:
        if type(self) is ProtocolError:
            raise TypeError("raise LocalProtocolError or RemoteProtocolError")
        super().__init__(message)


class LocalProtocolError(ProtocolError):
    """The caller asked a core for something its state forbids."""


class RemoteProtocolError(ProtocolError):
    """The peer sent octets that no correct peer sends.

    Attributes:
        penalty: points against the peer; see :mod:`meshdl.policy.penalty`.
    """

    def __init__(self, message: str, *, penalty: int = 20) -> None:
        super().__init__(message)
        self.penalty = penalty


class LinkError(MeshdlError):
    """A link is not there, or is no longer there."""


class LinkClosed(LinkError):
    """The link went down."""


class LinkRefused(LinkError):
    """One side does not want this link; the message says why."""


class StationNotRunning(LinkError):
    """The command needs a running station, and none answers."""


class ContentError(MeshdlError):
    """Octets or names that cannot be trusted or understood."""


class MetainfoInvalid(ContentError):
    """A metainfo file or info dictionary breaks BEP 52 or a limit of ours."""


class UnsafePath(MetainfoInvalid):
    """A file name that could leave its directory or mean a device."""


class RecordInvalid(ContentError):
    """A content record is malformed, forged or expired."""


class InvitationInvalid(ContentError):
    """An invitation to a room is malformed, forged, ended or for another station."""


class ContentLinkInvalid(ContentError):
    """A text that is neither a content hash, a link nor a metainfo file."""


class CaptureInvalid(ContentError):
    """A file that should hold captured frames is damaged or none."""


class ContentUnknown(ContentError):
    """This station does not know the content."""


class SourceNotFound(ContentError):
    """No station within reach has the content."""


class StorageError(MeshdlError):
    """A file or a disk is in the way."""


class DiskFull(StorageError):
    """No room for what must be written. Nothing already written is lost."""


class FileChanged(StorageError):
    """A shared file is not what it was when it was hashed."""


class FilePrivate(StorageError):
    """What should be shared is the station's own secret, or holds it."""


class FileUnreadable(StorageError):
    """A file cannot be opened or read."""


class FileUnwritable(StorageError):
    """A file or directory cannot be made, written, moved or removed."""


class TargetExists(StorageError):
    """A download would overwrite something that is already there."""


class HomeInUse(StorageError):
    """Another station runs on this home directory."""


class LogDamaged(StorageError):
    """An entry of the station log was changed, removed or put elsewhere."""


class ModemError(MeshdlError):
    """What stands between this program and the antenna is in the way."""


class ModemUnavailable(ModemError):
    """A modem's library is missing or too old; the message says what to install."""


class AudioUnavailable(ModemError):
    """A sound device is not there, or cannot do what is needed."""


class RigUnavailable(ModemError):
    """PTT or dial cannot be reached, or does not obey."""


class RigRefused(RigUnavailable):
    """The radio has no such command; everything else may work."""


class ConfigError(MeshdlError):
    """The operator must change a setting.

    Attributes:
        setting: dotted name of the key, as in the file.
    """

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
