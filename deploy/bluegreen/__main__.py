"""`deploy/release`: the command line of a release."""

from __future__ import annotations

import argparse
import hashlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from bluegreen.errors import InterruptedReleaseError, ReleaseError
from bluegreen.gcloud import Gcloud
from bluegreen.image_build import ROOT, ImageBuild
from bluegreen.known_reading import known_readings
from bluegreen.pools.pool_rollout import PoolRollout
from bluegreen.pools.worker_pool import WorkerPool
from bluegreen.rollout import ReleasePlan, Rollout, roll_back
from bluegreen.service import Service
from bluegreen.watch import Limits

STOPPED = 1
"""Exit code where the release did not go through; traffic is as it was before."""

(_SHIPPED,) = (ROOT / "worker" / "shipped").glob("*.ubj")
_KNOWN = Path(__file__).parent / "known_readings.json"
_EPILOG = """\
examples:
  deploy/release deploy --project my-project --push-service-account rookery-push@my-project.iam.gserviceaccount.com
  deploy/release deploy --project my-project --worker-pool rookery-worker --steps 50,100
  deploy/release rollback --project my-project
  deploy/release deploy --project my-project --dry-run

Exit codes: 0 released (or rolled back), 1 stopped, traffic is as it was before, 2 bad options.
"""


def main() -> int:
    """Do what the command line says; returns the exit code."""
    options = _parser().parse_args()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _interrupted)
    gcloud = Gcloud(options.project, dry=options.dry_run)
    pool = options.worker_pool and WorkerPool(gcloud, options.worker_pool, options.region)
    service = Service(gcloud, options.service, options.region)
    try:
        if options.verb == "rollback":
            roll_back(pool or service)
        elif pool:
            PoolRollout(pool, _plan(options)).run()
        else:
            Rollout(service, _plan(options)).run()
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)  # noqa: T201  the last words
        return STOPPED
    except Exception as error:  # noqa: BLE001  the last frame; whatever it is, traffic went back before it came here
        print(f"release: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  the last words
        return STOPPED
    return 0


def _plan(options: argparse.Namespace) -> ReleasePlan:
    return ReleasePlan(
        image=options.image or _build(options),
        shares=options.steps,
        watch_s=options.watch_seconds,
        settle_s=options.settle_seconds,
        lag_s=options.metric_lag_seconds,
        limits=Limits(
            refused_share=options.max_refused, latency_s=options.max_latency, age_s=options.max_age
        ),
        model=_name_of(options.model),
        known=known_readings(options.known_readings),
        pusher=options.push_service_account,
    )


def _build(options: argparse.Namespace) -> ImageBuild:
    commit, name, project = _commit(), options.repository, options.project
    return ImageBuild(
        image=f"{options.region}-docker.pkg.dev/{project}/{name}/worker:{commit}",
        commit=commit,
        account=options.build_service_account or f"{name}-build@{project}.iam.gserviceaccount.com",
        bucket=options.source_bucket or f"{project}-{name}-build",
    )


def _name_of(model: Path) -> str:
    """The name that a model has in predictions: the first twelve digits of its SHA-256."""
    try:
        return hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise ReleaseError(f"{model} cannot be read: {error.strerror}") from None


def _commit() -> str:
    """Name the commit that is released; raises ReleaseError where there is none."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  no shell
    if found.returncode:
        raise ReleaseError(f"the commit is not known: {found.stderr.strip()}")
    return found.stdout.strip()


def _interrupted(number: int, _: object) -> NoReturn:
    # A second signal would end the way back.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise InterruptedReleaseError(f"interrupted by {signal.Signals(number).name}")


def _shares(text: str) -> list[int]:
    shares = [int(each) for each in text.split(",")]
    if shares != sorted(set(shares)) or shares[0] < 1 or shares[-1] > 100:  # noqa: PLR2004  percent
        raise argparse.ArgumentTypeError("rising percentages are needed, such as 5,50,100")
    return shares


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy/release",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--project", required=True, help="Google Cloud project")
    every.add_argument("--region", default="europe-west1", help="of the service (default: %(default)s)")
    every.add_argument("--service", default="rookery-worker", help="Cloud Run service (default: %(default)s)")
    every.add_argument(
        "--worker-pool", metavar="NAME", help="a worker pool in place of a service (mode = pull)"
    )
    every.add_argument("--dry-run", action="store_true", help="print every command and run none")
    verbs.add_parser("rollback", parents=[every], help="give all traffic to the revision that served before")
    deploy = verbs.add_parser(
        "deploy",
        parents=[every],
        help="build, test and shift",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    deploy.add_argument("--repository", default="rookery", help="Artifact Registry repository")
    deploy.add_argument("--image", help="deploy this image; without it, one is built from the tree")
    deploy.add_argument(
        "--build-service-account", help="of the build (default: REPOSITORY-build of the project)"
    )
    deploy.add_argument("--source-bucket", help="for the build's source (default: PROJECT-REPOSITORY-build)")
    deploy.add_argument("--model", type=Path, default=_SHIPPED, help="copy of the model that must answer")
    deploy.add_argument(
        "--known-readings",
        type=Path,
        default=_KNOWN,
        help="readings with the answers that the model must give",
    )
    deploy.add_argument("--push-service-account", help="whose token the smoke pushes carry")
    deploy.add_argument("--steps", type=_shares, default=[5, 50, 100], help="percentages of traffic")
    deploy.add_argument("--watch-seconds", type=float, default=300.0, help="time at each step")
    deploy.add_argument("--settle-seconds", type=float, default=60.0, help="time before the first step")
    deploy.add_argument(
        "--metric-lag-seconds", type=float, default=180.0, help="until a request is visible in Monitoring"
    )
    deploy.add_argument(
        "--max-refused", type=float, default=0.01, help="share of requests that may be refused"
    )
    deploy.add_argument("--max-latency", type=float, default=1.0, help="seconds that the p99 may take")
    deploy.add_argument(
        "--max-age", type=float, default=120.0, help="seconds that a message may wait for a worker pool"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
