"""What lies in a pile, and the content of one student's files at a time, under limits.

Whatever a student sends may be meant to harm. Files are only ever read, links are not followed,
nothing is unpacked to disk, and what is wrong with a file stands in its `problem`.
"""

import contextlib
import io
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache, partial
from itertools import takewhile, zip_longest
from pathlib import Path

from grading.collecting.text import printable

LARGEST_FILE = 50 * 1024**2  # bytes; larger ones are not read
MOST_OF_ONE = 500 * 1024**2  # bytes that are read of one student
MOST_NOTEBOOKS = 50  # that are read of one student, the newest
MOST_FILES = 5_000  # that are looked at in one student's zips
MOST_IN_ZIP = 100_000  # files in a zip that may be a class's
DEEPEST_ZIP = 3  # zips within zips
LONGEST_NAME = 255  # letters, as on a disk
LATEST = 2**32  # seconds: some tools write times that no calendar has

TOO_LARGE = f"larger than {LARGEST_FILE // 1024**2} MB, or one of very many"
TOO_MANY = f"a zip of more than {MOST_IN_ZIP} files: unpack it, if it is a class's"
A_LINK = "a link, which is not followed"
NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)  # some browsers add an ending
OTHER_ARCHIVE = re.compile(r"\.(7z|rar|tar|gz|tgz|bz2|xz|zst)$", re.IGNORECASE)
LEFT_BY_TOOLS = re.compile(
    r"__MACOSX|\.DS_Store|\._.*|Thumbs\.db|desktop\.ini|.*:Zone\.Identifier", re.IGNORECASE
)
PACKED_SAFELY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others grow without a limit


class SubmissionsError(ValueError):
    """A folder that holds nothing to grade."""


@dataclass(frozen=True)
class File:
    """A file by its path below the folder, zips counted as folders; an empty folder has no name."""

    parts: tuple[str, ...]
    modified: datetime
    content: bytes = b""
    problem: str = ""  # why it could not be read
    size: int = 0
    read: Callable[[], bytes] = bytes  # gets the content, as long as it is not there

    @property
    def origin(self) -> str:
        """The path, to be read by people."""
        return printable("/".join(self.parts))

    @property
    def is_hidden(self) -> bool:
        """Whether a tool may have made it, such as an older state of a notebook."""
        return any(part.startswith(".") for part in self.parts)

    @property
    def is_zip(self) -> bool:
        return self.parts[-1].lower().endswith(".zip") and not self.is_hidden

    @property
    def is_work(self) -> bool:
        """Whether it is named as a notebook, or as what may hold one."""
        return self.is_zip or bool(NOTEBOOK.search(self.parts[-1]) and not self.is_hidden)

    def described(self, start: int) -> str:
        """What it is, in words for the lecturer, by its path below a folder."""
        name = printable("/".join(self.parts[start:]))
        if self.problem or self.is_hidden:
            return f"{name} ({self.problem or 'hidden by its name'})"
        if not self.parts[-1]:
            return f"an empty folder {name}".strip()
        return f"an archive of another kind: {name}" if OTHER_ARCHIVE.search(name) else name


def files_in(root: Path) -> Iterator[File]:
    """A file, or everything below a folder, and what zips hold; nothing of it is read yet."""
    folder = root if root.is_dir() else root.parent
    waiting = [root]
    while waiting:  # not by recursion: folders may be very deep
        path = waiting.pop()
        parts = path.relative_to(folder).parts
        try:
            status = path.stat() if path == root else path.lstat()
            modified = datetime.fromtimestamp(min(max(status.st_mtime, 0), LATEST))
            file = File(parts, modified, size=status.st_size, read=path.read_bytes)
            if stat.S_ISDIR(status.st_mode):
                inside = [p for p in sorted(path.iterdir()) if not LEFT_BY_TOOLS.fullmatch(p.name)]
                waiting += inside
                if not inside:
                    yield replace(file, parts=(*parts, ""))
            elif not stat.S_ISREG(status.st_mode):
                is_link = stat.S_ISLNK(status.st_mode)
                yield replace(file, problem=A_LINK if is_link else "not a plain file")
            elif file.is_zip:
                yield from members(file, partial(opened, path, modified))
            else:
                yield file
        except OSError as error:
            if path == root:
                raise
            yield File(parts, datetime.min, problem=str(error.strerror))


@lru_cache(maxsize=1)
def opened(path: Path, modified: datetime) -> zipfile.ZipFile:
    """A zip, whose directory is read once for all that is read from it in a row."""
    return zipfile.ZipFile(path)


def members(file: File, archive: Callable[[], zipfile.ZipFile]) -> list[File]:
    """What a zip holds."""
    try:
        listed = archive().infolist()
    except Exception:
        return [replace(file, problem="a damaged zip")]
    if len(listed) > MOST_IN_ZIP:
        return [replace(file, problem=TOO_MANY)]
    found = [File((*file.parts, ""), file.modified)]
    seen: Counter[tuple[str, ...]] = Counter()
    for member in listed:
        inside = parts_of(member)
        kept = [*takewhile(lambda part: not LEFT_BY_TOOLS.fullmatch(part), inside)]
        parts = (*file.parts, *kept)
        if member.is_dir() or not inside or len(kept) < len(inside):
            found.append(File((*parts, ""), file.modified))
            continue
        seen[parts] += 1
        if seen[parts] > 1:  # two files of one name may be two people's
            stem, dot, end = parts[-1].partition(".")
            parts = (*parts[:-1], f"{stem} ({seen[parts]}){dot}{end}")
        modified = file.modified
        with contextlib.suppress(ValueError):  # some tools write dates that there are not
            modified = datetime(*member.date_time)
        read = partial(content_of, archive, member)
        found.append(File(parts, modified, b"", problem_of(member), member.file_size, read))
    return without_filled_folders(found)


def without_filled_folders(files: Iterable[File]) -> list[File]:
    """All files, and of the folders those that are empty: what is in one comes after it."""
    in_order = sorted(files, key=lambda file: file.parts)
    return [
        file
        for file, after in zip_longest(in_order, in_order[1:])
        if file.parts[-1] or not after or after.parts[: len(file.parts) - 1] != file.parts[:-1]
    ]


def parts_of(member: zipfile.ZipInfo) -> list[str]:
    """A member's path without what leads out of the zip."""
    name = member.filename
    if not member.flag_bits & 0x800:  # an old code page, or UTF-8 without the flag, as on a Mac
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    # In old code pages of East Asia a letter's second byte may be a backslash.
    is_plain = member.flag_bits & 0x800 or name.isascii()
    parts = re.split(r"[/\\]" if is_plain and "/" not in name else "/", name)
    return [part[:LONGEST_NAME] for part in parts if part not in ("", ".", "..")]


def problem_of(member: zipfile.ZipInfo) -> str:
    """Why a member of a zip will not be read."""
    if stat.S_ISLNK(member.external_attr >> 16):
        return A_LINK
    if member.flag_bits & 1:
        return "in a zip that needs a password"
    return "" if member.compress_type in PACKED_SAFELY else "packed in a way that is not read"


def content_of(archive: Callable[[], zipfile.ZipFile], member: zipfile.ZipInfo) -> bytes:
    """A member's content, never more than the zip says that there is."""
    with archive().open(member) as content:
        return content.read(member.file_size)


class Reader:
    """Reads one student's files, the newest first, as long as they are not too much."""

    def __init__(self) -> None:
        self.bytes = self.notebooks = self.files = 0

    def contents(self, files: Iterable[File]) -> Iterator[File]:
        """Every file, notebooks with their content, also from zips within zips."""
        for file in sorted(files, key=lambda f: (f.is_work, f.modified, f.parts), reverse=True):
            self.files += 1
            if self.files > MOST_FILES:
                yield replace(file, problem=TOO_LARGE)
                return
            read = self.content(file) if file.is_work else file
            if not file.is_zip or read.problem:
                yield read
                continue
            archive = cache(partial(zipfile.ZipFile, io.BytesIO(read.content)))
            if sum(part.lower().endswith(".zip") for part in file.parts) > DEEPEST_ZIP:
                yield replace(file, problem=f"a zip within {DEEPEST_ZIP} zips")
            elif read.content.count(b"PK\x01\x02") > MOST_FILES:  # stands before every name
                yield replace(file, problem=TOO_LARGE)
            else:
                yield from self.contents(members(file, archive))

    def content(self, file: File) -> File:
        """A file with its content, or with the reason why there is none."""
        if file.problem:
            return file
        self.bytes += file.size
        self.notebooks += not file.is_zip
        is_too_much = file.size > LARGEST_FILE or self.bytes > MOST_OF_ONE
        if is_too_much or self.notebooks > MOST_NOTEBOOKS:
            return replace(file, problem=TOO_LARGE)
        try:
            return replace(file, content=file.read())
        except Exception as error:  # zipfile and its libraries raise several kinds
            return replace(file, problem=getattr(error, "strerror", None) or "damaged in its zip")
