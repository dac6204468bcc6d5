"""A folder to build in: commands run there in an environment of its own, so that only the sources decide the result."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.image_sources import NotHad

LOG_TAIL = 25  # lines of a failed command that are shown
JOBS = f"-j{os.cpu_count() or 1}"


class Workshop:
    """Runs commands in `folder`, an absolute path, which CFLAGS, CXXFLAGS and ASMFLAGS keep out of what is compiled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mapped = f"-ffile-prefix-map={folder}=."
        self.built_at_s = 0  # the date that programs believe to be built at

    def run(
        self,
        command: Sequence[str],
        environ: Mapping[str, str] | None = None,
        watch: Callable[[str], None] = lambda line: None,
    ) -> str:
        """Run a command, each line that it says to `watch`; returns all it said. Raises NotHad with the end of that."""
        said: list[str] = []
        try:
            with subprocess.Popen(
                command,
                cwd=self.folder,
                env=environ or self._environ(),
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                close_fds=False,  # the lock of the cache goes along
            ) as process:
                for line in process.stdout or ():
                    said.append(line)
                    watch(line)
        except OSError as error:
            raise NotHad(f"{command[0]} does not run here: {error}") from error
        if process.returncode:
            tail = "".join(line[:300] for line in said[-LOG_TAIL:]).rstrip()
            raise NotHad(f"{Path(command[0]).name} ended with exit code {process.returncode}:\n{tail}")
        return "".join(said)

    def _environ(self) -> dict[str, str]:
        """Nothing of the caller's that could change the result; its Python runs the build's scripts."""
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "SOURCE_DATE_EPOCH": str(self.built_at_s),
            "PYTHONHASHSEED": "0",
            **dict.fromkeys(("CFLAGS", "CXXFLAGS", "ASMFLAGS"), self.mapped),
        }
