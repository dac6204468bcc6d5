"""The node's line to a bridge on the same computer: a pseudo-terminal that stands in a folder like a serial port.

For CPython on Linux. It is there before the bridge, outlives it, and looks the same to it each time it is opened.
"""

import os
import tty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from circuitpython_typing import ReadableBuffer, WriteableBuffer


class PseudoTerminal:
    """A stream as link.SerialLink wants it, which select.poll takes too; the bridge opens `path`.

    path: a symbolic link is put there, in place of one left by an earlier node. Only this user may open it. Raises
    FileExistsError when something else is there, FileNotFoundError when its folder is missing.

    What is written while nobody listens is kept by the kernel, up to some kilobytes, and then not taken: as a serial
    port that is held off. A bridge that opens the port throws away what waits there, as pyserial does.
    """

    def __init__(self, path: str):
        self._path = path
        # We hold the bridge's end too: else the line hangs up, and would have to be looked after, when the bridge goes.
        self._ours, self._theirs = os.openpty()
        try:
            tty.setraw(self._theirs)
            os.set_blocking(self._ours, False)
            self._name = os.ttyname(self._theirs)
            os.chmod(self._name, 0o600)
            _link(self._name, path)
        except OSError:
            os.close(self._ours)
            os.close(self._theirs)
            raise

    def fileno(self) -> int:
        """For select."""
        return self._ours

    def readinto(self, buffer: "WriteableBuffer"):
        """How many bytes have been put into `buffer`; None when there are none."""
        try:
            return os.readv(self._ours, [buffer])
        except BlockingIOError:
            return None

    def write(self, data: "ReadableBuffer"):
        """How many bytes of `data` were taken; None when there is no room."""
        try:
            return os.write(self._ours, data)
        except BlockingIOError:
            return None

    def close(self):
        """Hang up, and take the link away if it is still ours."""
        if os.path.islink(self._path) and os.readlink(self._path) == self._name:
            os.unlink(self._path)
        os.close(self._ours)
        os.close(self._theirs)


def _link(name: str, path: str):
    if os.path.lexists(path) and not os.path.islink(path):
        raise FileExistsError("%s is in the way of the node's port: move it, or change link_path in unit.json" % path)
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise FileNotFoundError("no folder for the node's port %s: make it, or change link_path in unit.json" % path)
    fresh = "%s.%d" % (path, os.getpid())
    os.symlink(name, fresh)
    os.replace(fresh, path)  # at no moment is there no port
