"""Make a release of what reviewers confirmed: checked, redacted for its audience, sealed, taken down in the log."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detection.schema import Verdict
from flows.area.pipeline import Job
from flows.area.product import Product
from flows.area.reviews import digest_lines, read_reviews
from flows.evidence import (
    log_path,
    note_inputs,
    own_keys_folder,
    people_of,
    products_of,
    retractions,
    signing_key,
)
from flows.hidden import known_of
from flows.runs.publish import credit_of, current_products, keys_of, merged, newest_run, published_keys, scenes_of
from flows.settings.version import code_version, digest, sitewatch_version
from flows.settings.workspace import Workspace
from flows.show import Show, plural
from geo.atomic import atomic_file, atomic_folder
from geo.errors import ConfigError
from outputs.evidence.crate import LEGAL_NOTICE
from outputs.evidence.keys import SigningKey
from outputs.evidence.log import Event, entries_of
from outputs.evidence.record import Kind, RunRecord
from outputs.evidence.retractions import claim_mark, note_release, write_retractions
from outputs.evidence.seal import derived_from, seal_folder
from outputs.layers.geojson import feature_collection
from outputs.rasters.maps import AFTER, BEFORE, RASTERS_NAME
from outputs.redaction.forbidden import Known
from outputs.redaction.memory import Memory
from outputs.redaction.policy import Policy, policy_of
from outputs.redaction.protected import read_protected
from outputs.redaction.redact import Redacted, redact, redact_coverage, withheld_json
from outputs.redaction.secret import alias, user_secret
from outputs.release.build import Found, check_leaks, fill, media_of, positions_words, with_places, write_withheld
from outputs.release.contents import AreaPicture, Chosen, Release, chosen
from outputs.vocabulary import is_simulated

PLACES_NAME = "published-places.json"
"""Beside the log: which place was published for which site. It holds exact positions and goes into no release."""
WITHHELD_FOLDER = "withheld"
"""Beside the log: what was withheld of each release, with what the release itself must not say of it."""
_OWNER_ONLY = 0o600
_NAME = re.compile(r"\w[\w.-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What kind of release is wanted."""

    audience: str = "public"
    include_unreviewed: bool = False
    name: str = ""
    """Empty: that of the folder."""
    title: str = ""
    publisher: str = ""
    sign: str | None = None
    """The name of a key; None: what SITEWATCH_SIGN names."""
    policies: Path | None = None
    protected: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Base:
    """What a release is made from."""

    job: Job
    run_dir: Path
    products: Mapping[str, Product]
    chosen: Chosen
    policy: Policy
    redacted: Redacted
    secret: bytes
    known: Known
    """What must not appear more exactly than the policy says."""


def publish_release(root: Path, out: Path, wanted: Wanted, show: Show) -> None:
    """Write a release of the newest run's reviewed detections into the new folder `out`, whole or not at all.

    Raises:
        ConfigError: Nothing was reviewed, verdicts came in since the newest run, there is no such policy or key, or a
            release of this name was made before.
        StateError: The log, or the record of published places, was altered.
        OutputError: `out` is there already, the disk does not take it, or the release would tell what its audience
            must not know.

    """
    job = Job.open(root)
    name = _free_name(job.workspace, wanted.name or out.resolve().name)
    key = signing_key(wanted.sign)
    base = _base(job, wanted)
    release = _release(base, wanted, name)
    with atomic_folder(out.resolve()) as folder:
        fill(folder, release, media_of(Found(run_dir=base.run_dir), base.redacted))
        _seal(folder, base, release, key)
    show.document(
        {
            "release": str(out),
            "name": name,
            "audience": release.audience,
            "detections": len(release.table),
            "is_preliminary": release.is_preliminary,
            "left_out": list(release.left_out),
            "withheld": list(release.withheld),
            "attribution": release.credit,
        }
    )
    show.say(f"{out}: {plural(len(release.table), 'detection')} for {release.audience}; {release.review_state}")
    for line in release.left_out:
        show.say(line)
    show.say(f"print with every product: {release.credit}")


def _free_name(workspace: Workspace, name: str) -> str:
    """Return `name` if a release may be called so.

    Raises:
        ConfigError: It is no name, or there was such a release.

    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"a release's name has letters, digits, dots, hyphens and underscores; got {name!r}")
    log = log_path(workspace)
    if log.exists() and any(one.kind == Event.RELEASE and one.facts["name"] == name for one in entries_of(log)):
        raise ConfigError(f"there was a release called {name!r} already; give another --name")
    return name


def _base(job: Job, wanted: Wanted) -> _Base:
    """Return what is to be released, as its audience may know it."""
    run_dir, products = _current(job)
    detections, _ = merged(products, job.workspace.config.monitor)
    policies, places = _files(job.workspace, wanted)
    policy = policy_of(wanted.audience, _tables(policies), where=str(policies or "policies"))
    secret = b"" if policy.is_exact and not policy.replaces_ids else user_secret(own_keys_folder())
    names = {str(one): alias(secret, "detection", str(one)) for one in detections["detection_id"]}
    withdrawn = _withdrawn(job.workspace, names)
    found = chosen(detections, include_unreviewed=wanted.include_unreviewed, withdrawn=withdrawn)
    if found.table.empty:
        hint = "" if wanted.include_unreviewed else "; `sitewatch review` confirms, --include-unreviewed marks all"
        raise ConfigError(f"nothing to release: {' '.join(found.sentences()) or 'nothing was found.'}{hint}")
    protected = read_protected(places) if places else ()
    redacted = redact(
        found.table,
        policy,
        secret=secret,
        protected=protected,
        memory=Memory.load(_places_path(job.workspace)),
    )
    if redacted.table.empty:
        raise ConfigError(f"nothing to release: {policy.name} readers may know none of the detections")
    return _Base(
        job=job,
        run_dir=run_dir,
        products=products,
        chosen=found,
        policy=policy,
        redacted=redacted,
        secret=secret,
        known=known_of(job, products, policy, protected),
    )


def _withdrawn(workspace: Workspace, published: Mapping[str, str]) -> frozenset[str]:
    """Return which detections were withdrawn, under their own or their published name, and not confirmed since."""
    log = log_path(workspace)
    entries = entries_of(log) if log.exists() else []
    taken_back = {
        str(one.facts["claim"]): one.at for one in entries if one.kind == Event.WITHDRAWAL and "claim" in one.facts
    }
    if not taken_back:
        return frozenset()
    confirmed = [
        (one.detection_id, one.at)
        for reviews in read_reviews(workspace).values()
        for one in reviews
        if one.verdict is Verdict.CONFIRMED
    ]
    return frozenset(
        own
        for own, name in published.items()
        for at in (taken_back.get(own) or taken_back.get(name),)
        if at and not any(who == own and when > datetime.fromisoformat(str(at)) for who, when in confirmed)
    )


def _files(workspace: Workspace, wanted: Wanted) -> tuple[Path | None, Path | None]:
    """Return the files of policies and of protected places: those asked for, else those that the settings name."""
    settings = workspace.config.publish
    said = ((wanted.policies, settings.policies), (wanted.protected, settings.protected))
    policies, protected = (asked or (workspace.root / name if name else None) for asked, name in said)
    return policies, protected


def _current(job: Job) -> tuple[Path, dict[str, Product]]:
    """Return the newest run and the products that it was made of.

    Raises:
        ConfigError: There is none, or something changed since it was made.

    """
    run_dir, products = newest_run(job), current_products(job)
    root = job.workspace.root
    if run_dir is None or not products:
        raise ConfigError(f"{root}: nothing to release yet; `sitewatch run` makes the first detections")
    if published_keys(run_dir) != keys_of(products, job.workspace.config.monitor):
        raise ConfigError(f"{root}: products are newer than the newest run; `sitewatch run` first")
    stale = [
        area_id
        for area_id, product in products.items()
        if _reviews_digest(job, area_id) != product.record.inputs.reviews
    ]
    if stale:
        raise ConfigError(
            f"verdicts on {', '.join(stale)} came in since the newest run; `sitewatch run` brings them into layers and "
            "pictures first"
        )
    return run_dir, products


def _reviews_digest(job: Job, area_id: str) -> str:
    lines = digest_lines(job.areas[area_id], job.reviews, job.false_alarms, job.workspace.config)
    return digest(lines) if lines else ""


def _tables(path: Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a TOML file of policies: {error}") from error


def _places_path(workspace: Workspace) -> Path:
    return log_path(workspace).with_name(PLACES_NAME)


def _release(base: _Base, wanted: Wanted, name: str) -> Release:
    job, redacted = base.job, base.redacted
    _, coverage = merged(base.products, job.workspace.config.monitor)
    credit = credit_of(job, base.products)
    hidden = [] if base.policy.is_exact else ["Which scenes went in: the manifest of the run names them."]
    counts = (len(redacted.table), len(base.products))
    return Release(
        name=name,
        title=wanted.title or _title(*counts),
        counts=None if wanted.title else counts,
        audience=base.policy.name,
        created_at=datetime.now(UTC),
        run_id=base.run_dir.name,
        table=with_places(redacted),
        coverage=redact_coverage(coverage, base.policy, secret=base.secret),
        credit=credit,
        is_preliminary=wanted.include_unreviewed,
        version=sitewatch_version(),
        publisher=wanted.publisher,
        license_url="" if is_simulated(credit) else LEGAL_NOTICE,
        positions=positions_words(base.policy),
        withheld=(*redacted.sentences(), *hidden),
        left_out=tuple(base.chosen.sentences()),
        areas=_area_pictures(base),
    )


def _title(detections: int, areas: int) -> str:
    return f"{plural(detections, 'change')} seen in {plural(areas, 'area')}"


def _area_pictures(base: _Base) -> dict[str, AreaPicture]:
    """Return the areas that may have a map of their own, with the composite to draw it on."""
    if not base.policy.is_exact or base.policy.replaces_ids:
        return {}
    return {
        area_id: AreaPicture(
            name=base.job.areas[area_id].name,
            after_tif=_raster(base.run_dir, area_id, AFTER),
            before_tif=_raster(base.run_dir, area_id, BEFORE),
        )
        for area_id in base.products
    }


def _raster(run_dir: Path, area_id: str, name: str) -> Path | None:
    path = run_dir / RASTERS_NAME / area_id / f"{name}.tif"
    return path if path.is_file() else None


def _seal(folder: Path, base: _Base, release: Release, key: SigningKey | None) -> None:
    """Seal the folder, check that nothing in it leaks, the seal included, and take the release down in the log."""
    job, workspace = base.job, base.job.workspace
    write_withheld(folder, base.redacted, credit=release.credit)
    scenes = scenes_of(base.products, workspace.config.monitor)
    inputs = products_of(workspace, [job.source, *([job.radar.source] if job.radar else [])], scenes)
    people = people_of(read_reviews(workspace))
    claims = _claims(release)
    write_retractions(folder, retractions(workspace, audience=release.audience, claims=claims))
    chain = note_inputs(workspace, inputs, people)
    is_open = base.policy.is_exact
    log = log_path(workspace)
    seal = seal_folder(
        folder,
        RunRecord(
            kind=Kind.RELEASE,
            run_id=release.name,
            created_at=release.created_at,
            code_version=code_version(),
            settings=workspace.config.model_dump(mode="json") if is_open else {},
            scenes=scenes if is_open else {},
            products=inputs if is_open else (),  # names of files and scenes tell where a place is
            people=_published(people, base) if is_open else (),
            derived_from=(derived_from(base.run_dir),),
            chain=chain,
            title=release.title,
            publisher=release.publisher,
            credit=release.credit,
        ),
        key=key,
        log=log,
        license_url=release.license_url or LEGAL_NOTICE,
    )
    not_searched = check_leaks(folder, base.known, base.redacted)
    if not base.policy.is_exact:
        base.redacted.memory.save(_places_path(workspace))
    _keep_withheld(log.with_name(WITHHELD_FOLDER) / f"{release.name}.json", base.redacted, not_searched)
    note_release(log, release.name, manifest_sha256=seal.manifest_sha256, claims=claims, audience=release.audience)


def _keep_withheld(path: Path, redacted: Redacted, not_searched: Mapping[str, str]) -> None:
    """Keep the complete record of what was withheld, readable by its owner alone: it says more than the release may."""
    with atomic_file(path) as part:
        part.touch(mode=_OWNER_ONLY)
        text = withheld_json(redacted, is_complete=True, more={"names_not_searched_for": dict(not_searched)})
        part.write_text(text, encoding="utf-8")


def _published(people: Sequence[Any], base: _Base) -> tuple[Any, ...]:
    """Return who decided about the detections that are in the release."""
    return tuple(one for one in people if one.detection_id in base.redacted.ids)


def _claims(release: Release) -> dict[str, str]:
    """Return what the release says of each detection, as a mark that changes with it."""
    features = feature_collection(release.table)["features"]
    return {
        str(one["properties"]["detection_id"]): claim_mark({**one["properties"], "geometry": one["geometry"]})
        for one in features
    }
