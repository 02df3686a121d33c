"""Capture in bulk: a document is taken in durably, carried out as a job, and the job looked at."""

from __future__ import annotations

from typing import Any, cast

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway import problems
from yilian.gateway.epcis.capture import EXISTS, INTERNAL, Behaviour, Job
from yilian.gateway.epcis.document import Fault
from yilian.gateway.epcis.errors import (
    CAPTURE_BUSY,
    INVALID,
    JOB_UNKNOWN,
    PAGE_TOKEN,
    TOO_LARGE,
    TOO_MANY_EPCS,
    TOO_MANY_EVENTS,
    UNREADABLE,
)
from yilian.gateway.epcis.store import timestamp
from yilian.gateway.errors import BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE
from yilian.gateway.http.epcis import paging, reading
from yilian.gateway.http.epcis.answering import (
    JSON_LD,
    TEXT_XML,
    USED,
    XML,
    Served,
    address,
    answer,
    body_type,
    choice,
    serve,
)
from yilian.gateway.http.epcis.room import Find, Visit
from yilian.gateway.http.operation import JSON, Parameter
from yilian.ledger import errors as law
from yilian.text import negotiate

AT_ONCE = 2
"""How many documents are read at once: each may take many times its size in memory."""
BEHAVIOURS = ("rollback", "proceed")
CAPTURE_ID = Parameter(
    name="captureID",
    where="path",
    schema={"type": "string"},
    description="The id of a capture, from `Location`.",
    required=True,
)
BEHAVIOUR = Parameter(
    name="GS1-Capture-Error-Behaviour",
    where="header",
    schema={"type": "string"},
    description="`rollback` (all events or none), or `proceed` (every valid one).",
)


def routes(find: Find) -> tuple[Served, ...]:
    """Make the handlers."""
    return (_capture(find), _jobs(find), _job(find))


def _capture(find: Find) -> Served:
    at_once = CapacityLimiter(AT_ONCE)

    @serve(
        find,
        "POST",
        "/capture",
        right="capture",
        summary="Capture a document of events; the job's address is in `Location`",
        status=202,
        parameters=(BEHAVIOUR,),
        body={JSON: dict[str, Any], JSON_LD: dict[str, Any], XML: str},
        limit=lambda room: room.repository.limits.bytes,
        problems=(
            CAPTURE_BUSY,
            INVALID,
            UNREADABLE,
            TOO_LARGE,
            TOO_MANY_EPCS,
            TOO_MANY_EVENTS,
            BODY_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
        ),
    )
    async def capture(request: Request, visit: Visit) -> Response:
        behaviour = cast(Behaviour, choice(request, BEHAVIOUR.name, BEHAVIOURS, "rollback"))
        media, data = body_type(request, JSON, JSON_LD, XML, TEXT_XML), await request.body()

        def taken_in() -> Job:
            document = reading.document(data, xml=media in (XML, TEXT_XML))
            return visit.room.repository.capture(
                document, behaviour=behaviour, submitter=visit.submitter
            )

        job = await to_thread.run_sync(taken_in, limiter=at_once)
        where = address(request, visit, f"/capture/{job.id}")
        headers = {**USED, BEHAVIOUR.name: behaviour, "Location": where}
        return Response(b"", 202, headers)

    return capture


def _jobs(find: Find) -> Served:
    @serve(
        find,
        "GET",
        "/capture",
        right="capture",
        summary="List captures, the newest first",
        parameters=paging.PARAMETERS,
        content={JSON: list[dict[str, Any]]},
        problems=(PAGE_TOKEN,),
    )
    async def jobs(request: Request, visit: Visit) -> Response:
        asked = paging.read(request, visit)
        cursor = None if asked.place is None else int(asked.place)
        found, following = await to_thread.run_sync(
            visit.room.repository.jobs, cursor, asked.limit, visit.jobs
        )
        language = _language(request)
        return answer(
            request,
            [shown(each, language) for each in found],
            headers=paging.following(request, visit, following),
        )

    return jobs


def _job(find: Find) -> Served:
    @serve(
        find,
        "GET",
        "/capture/{captureID}",
        right="capture",
        summary="Look at a capture: whether it runs, and what was wrong",
        parameters=(CAPTURE_ID,),
        content={JSON: dict[str, Any]},
        problems=(JOB_UNKNOWN,),
    )
    async def job(request: Request, visit: Visit) -> Response:
        return answer(request, shown(await found(request, visit), _language(request)))

    return job


async def found(request: Request, visit: Visit) -> Job:
    """Find the capture that a path names; refuses `epcis.job_unknown`, also for another's."""
    job = await to_thread.run_sync(visit.room.repository.job, request.path_params["captureID"])
    if visit.jobs is not None and job.submitter != visit.jobs:
        raise JOB_UNKNOWN()
    return job


def shown(job: Job, language: str) -> dict[str, Any]:
    """Write a capture as the standard does; each error names the event (from 0) and the field."""
    made: dict[str, Any] = {
        "captureID": job.id,
        "createdAt": timestamp(job.created),
        "running": job.running,
        "success": job.success,
        "captureErrorBehaviour": job.behaviour,
        "errors": [_error(each, language) for each in job.faults],
    }
    return made if job.finished is None else {**made, "finishedAt": timestamp(job.finished)}


def _error(fault: Fault, language: str) -> dict[str, Any]:
    if fault.reason == INTERNAL:
        kind, refusal = "ImplementationException", law.INTERNAL()
    else:
        taken = fault.reason == EXISTS
        kind = "ResourceAlreadyExistsException" if taken else "ValidationException"
        path = fault.path[: reading.LONGEST_PATH]
        refusal = INVALID(path=path, reason=fault.reason, faults=1)
    where = {} if fault.event is None else {"event": fault.event}
    return problems.document(
        refusal,
        language,
        type="epcisException:" + kind,
        path=fault.path,
        reason=fault.reason,
        **where,
    )


def _language(request: Request) -> str:
    return negotiate(request.headers.get("accept-language"))
