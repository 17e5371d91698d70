"""``MetadataChanged``: what people say about a file. Bytes and versions stay as they are."""

from govault.domain.annotations import checked_description, checked_tags
from govault.domain.contents import check_media_type
from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.tree import live_file
from schemas.events.files import MetadataChanged


def change_metadata(draft: Draft, data: MetadataChanged) -> Decision:
    """Set tags, description or media type; what is not given stays. An empty media type: the sniffed one again."""
    file, _ = live_file(draft, data.entity_id)
    if data.base_revision is not None and data.base_revision != file.revision:
        raise Refusal(Reason.REVISION_MISMATCH, revision=file.revision)
    if data.tags is not None:
        tags = checked_tags(data.tags)
    else:
        kept = tuple(tag for tag in file.tags if tag not in data.remove_tags)
        tags = checked_tags((*kept, *data.add_tags))
    row = file._replace(tags=tags)
    if data.description is not None:
        row = row._replace(description=checked_description(data.description))
    if data.media_type is not None:
        check_media_type(data.media_type)
        row = row._replace(media_type=data.media_type)
    if row == file:
        return unchanged(entity_id=file.entity_id, revision=file.revision)
    draft.put_entity(row._replace(revision=file.revision + 1))
    return accepted(entity_id=file.entity_id, revision=file.revision + 1)
