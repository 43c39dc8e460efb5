"""ImageBuild: the image of a commit, built once by Cloud Build and named by its digest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bluegreen.errors import GcloudError

if TYPE_CHECKING:
    from bluegreen.gcloud import Gcloud

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuild:
    """A build of the tree: `image` is tagged with the commit, `account` runs the build, `bucket` gets the source."""

    image: str
    commit: str
    account: str
    bucket: str

    def run(self, gcloud: Gcloud) -> str:
        """Build and push the image unless the registry has it; gives its name by digest. Raises GcloudError."""
        try:
            digest = self._digest(gcloud)
        except GcloudError:
            # The registry's tags are immutable: only a commit without an image can be pushed.
            digest = ""
        if digest:
            print(f"release: the registry has {self.image}, nothing is built", flush=True)  # noqa: T201  said once
        else:
            gcloud.run(
                *("builds", "submit", str(ROOT), f"--config={ROOT / 'deploy' / 'cloudbuild.yaml'}"),
                f"--service-account=projects/{gcloud.project}/serviceAccounts/{self.account}",
                f"--gcs-source-staging-dir=gs://{self.bucket}/source",
                f"--substitutions=_IMAGE={self.image},_REVISION={self.commit}",
            )
            digest = self._digest(gcloud)
        if not digest and not gcloud.dry:
            raise GcloudError(f"the registry has no digest of {self.image}")
        return f"{self.image.rpartition(':')[0]}@{digest or 'sha256:DIGEST'}"

    def _digest(self, gcloud: Gcloud) -> str:
        return gcloud.run(
            *("artifacts", "docker", "images", "describe", self.image),
            "--format=value(image_summary.digest)",
        )
