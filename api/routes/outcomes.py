"""``/outcomes/{event id}``: what came of a write whose answer came too early."""

from fastapi import APIRouter

from api.deps import ActorDep, ServicesDep
from schemas.rest.content import OutcomeAnswer

router = APIRouter(tags=["outcomes"])


@router.get("/outcomes/{event_id}", summary="The outcome of a write")
async def get_outcome(event_id: str, actor: ActorDep, services: ServicesDep) -> OutcomeAnswer:
    """Whether a write was accepted, or refused and why. 404 until it is decided, and again once it is forgotten."""
    found = services.outcomes.find(actor, event_id)
    return OutcomeAnswer.model_validate({**found._asdict(), "facts": dict(found.facts)})
