"""The only place that writes local files. Names come from the vault and are not trusted: every step down from the top
folder opens one name that must be a real folder, so that no link and no ``..`` leads outside.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from govault.errors import Conflict, InvalidRequest, Storage, StorageFull, is_full

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NAME_BYTES_MAX = 255


class UnsafePath(InvalidRequest):
    """The vault names a path that cannot be written here, or must not."""

    code = "invalid-request.local-path"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it shall be on disk.

    Attributes:
        relative: Path below the top of the target.
        mtime_ns: None leaves the time of writing.
    """

    relative: str
    size_bytes: int
    sha256: str
    mtime_ns: int | None
    executable: bool
    kind: str = "file"


class LocalTarget:
    """A folder that a download writes into. Use it from any thread; close it at the end."""

    def __init__(self, top: Path) -> None:
        self.top = top
        with translated(str(top)):
            top.mkdir(parents=True, exist_ok=True)
            self._top = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._touched: set[str] = {""}

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._top)

    def make_folder(self, relative: str) -> bool:
        """Make a folder and those on the way; whether it was new."""
        with translated(relative), self._parent_of(relative, make=True) as (parent, name):
            try:
                os.mkdir(name, dir_fd=parent)
            except FileExistsError:
                os.close(os.open(name, _FOLDER, dir_fd=parent))
                return False
            self._touch(relative)
            return True

    def status(self, relative: str) -> os.stat_result | None:
        """What stands at a path, links not followed; None where nothing does."""
        with translated(relative):
            try:
                with self._parent_of(relative, make=False) as (parent, name):
                    return os.stat(name, dir_fd=parent, follow_symlinks=False)
            except FileNotFoundError:
                return None

    def link_target(self, relative: str) -> bytes:
        """Where a symbolic link points."""
        with translated(relative), self._parent_of(relative, make=False) as (parent, name):
            return os.readlink(os.fsencode(name), dir_fd=parent)

    def open_existing(self, relative: str) -> int:
        """A descriptor to read a regular file with."""
        with translated(relative), self._parent_of(relative, make=False) as (parent, name):
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)

    def write_whole(self, wanted: Wanted, content: bytes) -> None:
        """Put a small file in place: written aside, synced, renamed over what was there."""
        with translated(wanted.relative), self._parent_of(wanted.relative, make=True) as (parent, name):
            part = part_name(wanted)
            _unlink(part, parent)
            if wanted.kind == "symlink":
                os.symlink(content, os.fsencode(part), dir_fd=parent)
                _set_link_time(part, parent, wanted.mtime_ns)
            else:
                descriptor = _create(part, parent, wanted.executable)
                try:
                    write_all(descriptor, content)
                    _seal(descriptor, wanted.mtime_ns)
                finally:
                    os.close(descriptor)
            self._put_in_place(part, name, parent, wanted.relative)

    def open_part(self, wanted: Wanted) -> int:
        """The part file of a download that may have begun earlier, open for reading and writing.

        A part that is no plain file of one name, or longer than the whole, is begun anew. Whoever closes the descriptor
        lets go of the part.

        Raises:
            Conflict: Another download has it now.
        """
        with translated(wanted.relative), self._parent_of(wanted.relative, make=True) as (parent, _):
            part = part_name(wanted)
            descriptor = _usable_part(part, parent, wanted)
            if descriptor is None:
                _unlink(part, parent)
                descriptor = _create(part, parent, wanted.executable)
            if not _made_own(descriptor, part, parent):
                os.close(descriptor)
                raise Conflict(
                    f"{wanted.relative}: another download brings it to the same place now; run this again after it",
                    path=wanted.relative,
                )
            return descriptor

    def finish_part(self, wanted: Wanted, descriptor: int) -> None:
        """Sync a complete part and rename it to its place."""
        with translated(wanted.relative), self._parent_of(wanted.relative, make=True) as (parent, name):
            # An earlier run may have begun it before the file became executable, or ceased to be.
            _set_executable(descriptor, wanted.executable)
            _seal(descriptor, wanted.mtime_ns)
            self._put_in_place(part_name(wanted), name, parent, wanted.relative)

    def drop_part(self, wanted: Wanted) -> None:
        """Remove a part that turned out wrong."""
        with translated(wanted.relative), self._parent_of(wanted.relative, make=True) as (parent, _):
            _unlink(part_name(wanted), parent)

    def set_attributes(self, wanted: Wanted) -> None:
        """Correct time and executable bit of a file whose content is right already."""
        descriptor = self.open_existing(wanted.relative)
        try:
            _set_executable(descriptor, wanted.executable)
            if wanted.mtime_ns is not None:
                os.utime(descriptor, ns=(wanted.mtime_ns, wanted.mtime_ns))
        finally:
            os.close(descriptor)

    def sync_folders(self) -> None:
        """Make names durable: every folder that got one is synced."""
        for relative in sorted(self._touched):
            with translated(relative), self._folder(relative.split("/") if relative else [], make=False) as folder:
                os.fsync(folder)
        self._touched = {""}

    def _put_in_place(self, part: str, name: str, parent: int, relative: str) -> None:
        try:
            os.rename(part, name, src_dir_fd=parent, dst_dir_fd=parent)
        except IsADirectoryError as error:
            _unlink(part, parent)
            raise Conflict(f"{relative}: a folder is in the way of a file", path=relative) from error
        self._touch(relative)

    def _touch(self, relative: str) -> None:
        parent = relative.rpartition("/")[0]
        while parent and parent not in self._touched:
            self._touched.add(parent)
            parent = parent.rpartition("/")[0]

    @contextmanager
    def _parent_of(self, relative: str, make: bool) -> Iterator[tuple[int, str]]:
        *parents, name = safe_segments(relative)
        with self._folder(parents, make) as folder:
            yield folder, name

    @contextmanager
    def _folder(self, segments: list[str], make: bool) -> Iterator[int]:
        current = os.dup(self._top)
        try:
            for segment in segments:
                try:
                    below = os.open(segment, _FOLDER, dir_fd=current)
                except FileNotFoundError:
                    if not make:
                        raise
                    try:
                        os.mkdir(segment, dir_fd=current)
                    except FileExistsError:
                        pass
                    below = os.open(segment, _FOLDER, dir_fd=current)
                os.close(current)
                current = below
            yield current
        finally:
            os.close(current)


def safe_segments(relative: str) -> list[str]:
    """The names of a path that comes from outside.

    Raises:
        UnsafePath: One of them could lead out of the target or is no name here.
    """
    segments = relative.split("/")
    for segment in segments:
        too_long = len(segment.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX
        if segment in ("", ".", "..") or "\0" in segment or too_long:
            raise UnsafePath(f"the vault names a path that cannot be written here: {relative!r}", rule="local-path")
    return segments


def part_name(wanted: Wanted) -> str:
    """The name a file has until it is whole: the same for the same content, so that a later run goes on with it."""
    material = f"{wanted.relative.rpartition('/')[2]}\0{wanted.sha256}".encode("utf-8", "surrogatepass")
    return f".govault-{blake2b(material, digest_size=12).hexdigest()}.part"


def _usable_part(part: str, parent: int, wanted: Wanted) -> int | None:
    """What an earlier run left, or nothing yet; None where something unusable is in the way."""
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        return _create(part, parent, wanted.executable)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise
        return None
    status = os.fstat(descriptor)
    usable = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid()
    if usable and status.st_size <= wanted.size_bytes:
        return descriptor
    os.close(descriptor)
    return None


def _made_own(descriptor: int, part: str, parent: int) -> bool:
    """Keep other downloads out of a part; whether none has it, and none put it in its place since it was opened."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), os.stat(part, dir_fd=parent, follow_symlinks=False))
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A file system without locks: as good as it goes there.
        return True


def _create(name: str, parent: int, executable: bool) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o777 if executable else 0o666, dir_fd=parent)


def _unlink(name: str, parent: int) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it where the descriptor stands."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _set_executable(descriptor: int, executable: bool) -> None:
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    wanted = mode | ((mode & 0o444) >> 2) if executable else mode & ~0o111
    if bool(mode & stat.S_IXUSR) != executable:
        os.fchmod(descriptor, wanted)


def _seal(descriptor: int, mtime_ns: int | None) -> None:
    if mtime_ns is not None:
        os.utime(descriptor, ns=(mtime_ns, mtime_ns))
    os.fsync(descriptor)


def _set_link_time(name: str, parent: int, mtime_ns: int | None) -> None:
    if mtime_ns is not None:
        os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=parent, follow_symlinks=False)


@contextmanager
def translated(relative: str) -> Iterator[None]:
    """The system's refusals as GoVault's errors.

    Raises:
        StorageFull: There is no space left.
        Conflict: Something else has the place.
        Storage: Whatever else it refused.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageFull(f"{relative}: no space left on this disk", path=relative) from error
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
            message = f"{relative}: something that is no folder is in the way, and links are not followed"
            raise Conflict(message, path=relative) from error
        raise Storage(f"{relative}: {error.strerror or error}", path=relative) from error
