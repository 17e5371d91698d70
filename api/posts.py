"""``POST /files``: a form with one file, streamed; its fields may come before or after the file."""

import hashlib
from collections.abc import AsyncIterator

from api.bodies import announced_length, body_of
from api.conditions import write_condition
from api.digests import announced_digests
from api.forms import Form
from api.puts import respond_uploaded
from api.raw import RawRequest
from api.upload_wishes import description_of, flag_of, kind_of, mtime_of, tags_of
from govault.domain.paths import NormalPath, normalise_folder_path, normalise_path
from govault.domain.references import check_space_name
from govault.domain.rows import FileRow
from govault.errors import InvalidRequest, TooLarge
from govault.services.catalog import Services
from govault.services.contents.upload_terms import UploadWish, verify

DEFAULT_SPACE = "main"
FIELDS = frozenset({"space", "path", "tags", "description", "mtime", "executable", "kind"})
_FORM_OVERHEAD_BYTES_MAX = 8 * 1024 * 1024


class Posts:
    """Uploads from forms: for browsers and ``curl -F``. PUT is faster."""

    def __init__(self, services: Services, max_upload_bytes: int) -> None:
        self._services = services
        self._max_upload_bytes = max_upload_bytes

    async def post(self, request: RawRequest) -> None:
        """Take the form's file in and answer what became of it."""
        form = Form(request.header(b"content-type") or "")
        announced = announced_length(request)
        if announced is not None and announced > self._max_upload_bytes + _FORM_OVERHEAD_BYTES_MAX:
            raise TooLarge(
                f"the form is larger than the {self._max_upload_bytes} bytes this vault takes",
                limit_bytes=self._max_upload_bytes,
            )
        checked = _CheckedBody(announced_digests(request), body_of(request, announced))
        normalised: list[bool] = []

        def wish() -> UploadWish:
            checked.verify()
            path = _path(form)
            normalised.append(path.changed)
            return self._wish(request, form, path)

        uploaded = await self._services.form_uploads.put(
            request.actor, wish, form.file_bytes(checked), self._max_upload_bytes, announced
        )
        await respond_uploaded(request, uploaded, any(normalised))

    def _wish(self, request: RawRequest, form: Form, path: NormalPath) -> UploadWish:
        unknown = sorted(set(form.fields) - FIELDS)
        if unknown:
            raise InvalidRequest(f"the form has an unknown field {unknown[0][:40]!r}", rule="form-fields")
        twice = [name for name, values in form.fields.items() if len(values) > 1 and name != "tags"]
        if twice:
            raise InvalidRequest(f"the form has the field {twice[0]!r} twice", rule="form-fields")
        said = form.text("space")
        space = DEFAULT_SPACE if said is None else check_space_name(said)
        row = self._services.targets.place(request.actor, space, path.path)
        file = self._services.views.resolve(row.space_id, path.path)
        current = file.current if isinstance(file, FileRow) else None
        is_repeat = self._services.uploads.is_repeat(request.actor, space)
        etag, modified_s = (current.sha256, current.committed_ms // 1000) if current is not None else (None, 0)
        condition = write_condition(request, etag, modified_s) if not is_repeat else None
        return UploadWish(
            space=space,
            path=path.path,
            condition=condition.condition if condition is not None else "any",
            match_sha256=condition.match_sha256 if condition is not None else (),
            declared_type=form.file_type,
            kind=kind_of(form.text("kind")),
            executable=flag_of(form.text("executable"), "executable"),
            mtime_ns=mtime_of(form.text("mtime")),
            original_name=form.file_name[:255],
            tags=tags_of(",".join(form.fields["tags"]) if "tags" in form.fields else None),
            description=description_of(form.text("description")),
        )


class _CheckedBody:
    """A body whose own digests are announced: here they are those of the form, not of the file in it."""

    def __init__(self, announced: dict[str, bytes], body: AsyncIterator[bytes]) -> None:
        self._announced = announced
        self._hashes = {name: hashlib.new(name.replace("-", "")) for name in announced}
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await anext(self._body)
        for running in self._hashes.values():
            running.update(data)
        return data

    def verify(self) -> None:
        """Compare, at the end.

        Raises:
            DigestMismatch: One differs.
        """
        digests = {name: running.digest() for name, running in self._hashes.items()}
        verify(self._announced, digests.get("sha-256", b""), digests.get("sha-512"))


def _path(form: Form) -> NormalPath:
    """Where the file goes: the field ``path``; one that ends with a slash, or none, is completed by the file's name."""
    asked = form.text("path") or ""
    if asked and not asked.endswith("/"):
        return normalise_path(asked)
    if not form.file_name:
        raise InvalidRequest("the form tells neither a path nor the file's name", rule="form-path")
    folder = normalise_folder_path(asked)
    name = normalise_path(form.file_name.replace("\\", "/").rpartition("/")[2])
    return NormalPath(f"{folder.path}/{name.path}" if folder.path else name.path, folder.changed or name.changed)
