"""One route for each question that a member may ask; what it does is `members/counterpart.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway import problems
from yilian.gateway.audit import Audit, noting
from yilian.gateway.border import Border
from yilian.gateway.http.members.admission import CERTIFICATE, Admission, read
from yilian.gateway.http.operation import Answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.members import formats, replica_formats, supply_formats, there
from yilian.gateway.members.counterpart import Here
from yilian.gateway.members.errors import BEHIND, CALLER_UNKNOWN, TOO_MANY
from yilian.gateway.members.peers import HEIGHT_HEADER, MEDIA_TYPE
from yilian.gateway.members.there import Operation
from yilian.gateway.meter import Meter
from yilian.ledger.errors import MALFORMED
from yilian.node.engine import Engine
from yilian.vault.asks import Kept
from yilian.vault.replica_formats import Changes

if TYPE_CHECKING:
    from starlette.types import Scope

    from yilian.gateway.organisation import Organisation

__all__ = ["CERTIFICATE", "application"]

PREFIX = "/members/v1/"
WORKERS = 32
"""Questions that are answered at once; what comes beside them waits."""


class Serve(NamedTuple):
    """A question, what answers it, and how often one member may ask it."""

    operation: Operation
    summary: str
    does: Callable[[Here, Any], Any]
    meter: Meter | None = None


def _release(here: Here, asked: formats.ReleaseAsked) -> Any:
    terms = asked.session.terms
    noting(sessions=(terms.session,), grants=(terms.grant,), purpose=terms.purpose)
    made = here.portion(asked.session, asked.wanted, asked.shown)
    noting(records=[each.proof.record for answer in made.released for each in answer.records])
    noting(records=[each.record for answer in made.released for each in answer.refused])
    return made


def _repackage(here: Here, asked: formats.GrantNamed) -> Any:
    noting(grants=(asked.grant,))
    return formats.PackageAnswer(package=here.repackage(asked.grant))


def _accept(here: Here, asked: formats.PackageSent) -> Any:
    noting(grants=(asked.grant,))
    here.accept(asked.grant, asked.package)
    return formats.Nothing()


def _ask(here: Here, asked: formats.AskSent) -> Any:
    here.ask(Kept(asked.terms, asked.salt, "", None))
    return formats.Nothing()


def _tell(here: Here, asked: formats.NoticeSent) -> Any:
    noting(subjects=(asked.reader,))
    here.tell(asked.reader, asked.kind, asked.parameters, asked.cause)
    return formats.Nothing()


def _find(here: Here, asked: formats.PersonSought) -> Any:
    found = here.find(asked.system, asked.number, asked.reader)
    return formats.PersonAnswer(person=found)


def _emergency(here: Here, asked: Any) -> Any:
    noting(purpose="emergency", sessions=(asked.terms.access,))
    made = here.emergency(asked)
    noting(records=[each.proof.record for each in made.records])
    return made


def _share(here: Here, asked: Any) -> Any:
    noting(purpose="emergency", sessions=(asked.terms.access,))
    return here.share(asked)


def _keep_share(here: Here, asked: formats.SharePackage) -> Any:
    here.keep_share(asked.package)
    return formats.Nothing()


def _drop_share(here: Here, asked: formats.PairNamed) -> Any:
    here.drop_share(asked.pair)
    return formats.Nothing()


def _partial(here: Here, asked: formats.Blinded) -> Any:
    found = here.partial(asked.point)
    return formats.PartialAnswer(index=found.index, point=found.point, threshold=found.threshold)


def _referral(here: Here, asked: formats.ReferralNamed) -> Any:
    found = here.referral(asked.referral)
    return formats.ReferralAnswer(terms=found.terms, salt=found.salt)


def _staff(here: Here, asked: formats.StaffNamed) -> Any:
    return formats.StaffAnswer(names=here.staff(asked.practitioners))


def _slice(here: Here, asked: formats.SliceAsked) -> Any:
    noting(sessions=(asked.session,))
    return here.slice(asked.session, asked.manifest, asked.index)


def _private(here: Here, asked: formats.PrivateSent) -> Any:
    here.private(asked.package)
    return formats.Nothing()


def _replica_put(here: Here, asked: replica_formats.ReplicaPut) -> Any:
    noting(grants=(asked.allowance,))
    changes = Changes(
        asked.records, asked.grants, asked.gone_records, asked.gone_grants, asked.anew
    )
    here.replica_put(asked.allowance, changes)
    return formats.Nothing()


def _replica_fresh(here: Here, asked: replica_formats.ReplicasFresh) -> Any:
    copies = {each.allowance: each.digest for each in asked.copies}
    differ = here.replica_fresh(asked.time, copies)
    return replica_formats.ReplicasDiffer(differ=tuple(differ))


def _replica_drop(here: Here, asked: replica_formats.ReplicaNamed) -> Any:
    noting(grants=(asked.allowance,))
    here.replica_drop(asked.allowance)
    return formats.Nothing()


def _replica_tell(here: Here, asked: replica_formats.ReplicasTold) -> Any:
    noting(grants=(asked.grant,))
    here.replica_tell(asked.grant, asked.members)
    return formats.Nothing()


def _replica_read(here: Here, asked: replica_formats.ReplicaAsked) -> Any:
    terms = asked.session.terms
    noting(sessions=(terms.session,), grants=(terms.grant,), purpose=terms.purpose)
    made = here.replica_portion(asked.holder, asked.session, asked.wanted, asked.shown)
    noting(records=[each.proof.record for answer in made.released for each in answer.records])
    noting(records=[each.record for answer in made.released for each in answer.refused])
    return made


def _replica_package(here: Here, asked: replica_formats.ReplicaPackageAsked) -> Any:
    noting(grants=(asked.grant,))
    return formats.PackageAnswer(package=here.replica_package(asked.holder, asked.grant))


def _replica_lines(here: Here, asked: replica_formats.ReplicaLines) -> Any:
    noting(sessions=(asked.session.terms.session,), grants=(asked.session.terms.grant,))
    here.replica_lines(asked.session, asked.lines)
    return formats.Nothing()


def _verify_pack(here: Here, asked: Any) -> Any:
    return here.verify_pack(asked)


def _show_pack(here: Here, asked: Any) -> Any:
    return here.show_pack(asked)


def _claims(here: Here, asked: formats.ClaimsAsked) -> Any:
    return formats.ClaimsAnswer(keys=tuple(here.claims(asked.count)))


def _shipment(here: Here, asked: formats.ShipmentSent) -> Any:
    here.shipment(asked.package)
    return formats.Nothing()


def _ended(here: Here, asked: supply_formats.EndsSent) -> Any:
    here.ended(asked.package)
    return formats.Nothing()


def _openings(here: Here, asked: formats.OpeningsAsked) -> Any:
    return formats.OpeningsAnswer(sealed=tuple(here.some_openings(asked.intervals)))


def _history(here: Here, asked: formats.HistoryAsked) -> Any:
    page = here.history(asked.shipment, asked.after)
    return formats.HistoryAnswer(events=page.events, next=page.next)


def _recall(here: Here, asked: Any) -> Any:
    here.recall_answer(asked)
    return formats.Nothing()


def _recalled(here: Here, asked: supply_formats.MadeOfRecalled) -> Any:
    here.made_of_recalled(asked.recall, asked.units)
    return formats.Nothing()


def _trace(here: Here, asked: supply_formats.TraceAsked) -> Any:
    return here.trace_pack(asked.unit)


_often = partial(Meter, refuse=TOO_MANY)


def serves() -> tuple[Serve, ...]:
    """List what a listener answers."""
    return (
        Serve(there.RELEASE, "Release records inside a session", _release),
        Serve(there.REPACKAGE, "Package a grant's keys anew for its grantee", _repackage),
        Serve(there.ACCEPT, "Take the package of a grant", _accept),
        Serve(there.ASK, "Take a question for access", _ask),
        Serve(there.TELL, "Tell a reader of this organisation", _tell),
        Serve(there.FIND, "Find whose number it is, in an emergency", _find, _often(5, 60)),
        Serve(there.EMERGENCY, "Answer an emergency as holder", _emergency),
        Serve(there.SHARE, "Answer an emergency as escrow service", _share),
        Serve(there.KEEP_SHARE, "Keep a share of an emergency key", _keep_share),
        Serve(there.DROP_SHARE, "Drop a share of an emergency key", _drop_share),
        Serve(there.PARTIAL, "Answer for a blinded point", _partial, _often(50, 500)),
        Serve(there.REFERRAL, "Show a referral to its receiver", _referral),
        Serve(there.STAFF, "Name practitioners of this organisation", _staff, _often(20, 200)),
        Serve(there.PRIVATE, "Take a document for this organisation", _private),
        Serve(there.SLICE, "Give a slice of a large object", _slice),
        Serve(there.REPLICA_PUT, "Take what changed of a replica", _replica_put),
        Serve(there.REPLICA_FRESH, "Take word that replicas are complete", _replica_fresh),
        Serve(there.REPLICA_DROP, "Destroy a replica", _replica_drop),
        Serve(there.REPLICA_TELL, "Hear which members keep a replica", _replica_tell),
        Serve(there.REPLICA_READ, "Release records in their holder's place", _replica_read),
        Serve(
            there.REPLICA_PACKAGE, "Give a grant's package in its holder's place", _replica_package
        ),
        Serve(there.REPLICA_LINES, "Hear who read from a replica", _replica_lines),
        Serve(there.SUPPLY_CLAIMS, "Give holder keys for a shipment", _claims, _often(20, 400)),
        Serve(there.SUPPLY_SHIPMENT, "Take a shipment's titles", _shipment),
        Serve(there.SUPPLY_ENDED, "Hear of packs that ended", _ended, _often(5, 200)),
        Serve(there.SUPPLY_HISTORY, "Show the events of a shipment's packs", _history),
        Serve(there.SUPPLY_RECALL, "Take an answer to a recall", _recall),
        Serve(there.SUPPLY_RECALLED, "Hear what was made of recalled packs", _recalled),
        Serve(there.SUPPLY_TRACE, "Tell what was seen of a pack", _trace, _often(50, 500)),
        Serve(there.SUPPLY_OPENING, "Open posts to a regulator", _openings),
        Serve(there.SUPPLY_VERIFY, "Answer whether a pack is real", _verify_pack, _often(50, 500)),
        Serve(there.SUPPLY_SCAN, "Show the public a pack", _show_pack, _often(50, 500)),
    )


def application(engine: Engine, organisations: Mapping[str, Organisation]) -> Starlette:
    """Make the application of a listener for members; every call leaves an audit entry."""
    admission = Admission(engine, organisations)
    limiter = CapacityLimiter(WORKERS)
    routes = routes_of(*(_route(admission, limiter, each) for each in serves()))
    app = Starlette(
        routes=routes, middleware=[Middleware(Border)], exception_handlers=problems.HANDLERS
    )
    app.router.redirect_slashes = False
    app.state.door = SimpleNamespace(metrics=_Uncounted())
    trails = {name: each.vault.audit for name, each in organisations.items()}
    app.add_middleware(Audit, trails=trails, audited=_audited(tuple(organisations)))
    return app


def _route(
    admission: Admission, limiter: CapacityLimiter, serve: Serve
) -> Callable[[Request], Any]:
    asked_type, bounds = serve.operation.asked, serve.operation.bounds

    @operation(
        "POST",
        f"{PREFIX}{{organisation}}/{serve.operation.name}",
        tag="members",
        summary=serve.summary,
        body={MEDIA_TYPE: asked_type},
        answers=[
            Answer(status=200, description="Done.", content={MEDIA_TYPE: serve.operation.answered})
        ],
        problems=(CALLER_UNKNOWN, MALFORMED, BEHIND, TOO_MANY),
    )
    async def handle(request: Request) -> Response:
        organisation, caller = await admission.enter(request, bounds.asked)
        if serve.meter is not None:
            serve.meter.count(caller)
        asked = read(await request.body(), asked_type)

        def work() -> bytes:
            here = admission.here(request, organisation, caller)
            return there.encode(serve.does(here, asked))

        made = await to_thread.run_sync(work, limiter=limiter)
        headers = {HEIGHT_HEADER: str(admission.engine.height)}
        return Response(made, 200, headers, MEDIA_TYPE)

    return handle


class _Uncounted:
    """The listener's calls are in the audit trails; the gateway's counters are its own."""

    def answered(self, *_: object) -> None:
        """Count nothing."""

    def refused(self, *_: object) -> None:
        """Count nothing."""


def _audited(organisations: tuple[str, ...]) -> Callable[[Scope], str | None]:
    """Say to whose trail a call belongs: that of the organisation it names, else of the first.

    Word that replicas are complete is about nobody, and comes even where nothing happens: an entry
    for each would put a batch on an idle chain twice a minute.
    """

    def audited(scope: Scope) -> str | None:
        named, _, question = str(scope["path"]).removeprefix(PREFIX).partition("/")
        if question == there.REPLICA_FRESH.name:
            return None
        if named in organisations:
            return named
        return organisations[0] if organisations else None

    return audited
