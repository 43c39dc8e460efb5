# The accounts of a release: one that builds the image, one that deploys it, and GitHub's way to the second one.

resource "google_service_account" "build" {
  account_id   = "${var.name}-build"
  display_name = "Rookery build"
  description  = "Runs Cloud Build: reads the source, pushes the image, writes its log."

  depends_on = [google_project_service.needed]
}

resource "google_service_account" "release" {
  account_id   = "${var.name}-release"
  display_name = "Rookery release"
  description  = "Runs deploy/release: submits builds, deploys revisions, shifts traffic, reads metrics."

  depends_on = [google_project_service.needed]
}

resource "google_storage_bucket" "build" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs record every access
  #checkov:skip=CKV_GCP_78:the source of a build is in version control
  name                        = "${var.project}-${var.name}-build"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # Source archives are needed only while their build runs.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 7
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_storage_bucket_iam_member" "build_reads_source" {
  bucket = google_storage_bucket.build.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build_pushes" {
  repository = google_artifact_registry_repository.images.name
  location   = google_artifact_registry_repository.images.location
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

# gcloud looks the bucket up before it uploads the source: legacyBucketReader has that permission.
resource "google_storage_bucket_iam_member" "release_stages_source" {
  for_each = toset(["roles/storage.objectUser", "roles/storage.legacyBucketReader"])
  bucket   = google_storage_bucket.build.name
  role     = each.value
  member   = google_service_account.release.member
}

resource "google_artifact_registry_repository_iam_member" "release_reads_images" {
  repository = google_artifact_registry_repository.images.name
  location   = google_artifact_registry_repository.images.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.release.member
}

# gcloud lists the occurrences of an image that it describes, as soon as the Container Analysis API is enabled.
resource "google_project_iam_member" "release" {
  #checkov:skip=CKV_GCP_49:builds.editor acts only as accounts that its holder may act as, here the build's and the worker's
  for_each = toset([
    "roles/cloudbuild.builds.editor",
    "roles/containeranalysis.occurrences.viewer",
    "roles/monitoring.viewer",
    "roles/run.developer",
    "roles/serviceusage.serviceUsageConsumer",
  ])
  project = var.project
  role    = each.value
  member  = google_service_account.release.member
}

# A build or a revision that runs as an account needs the right to act as it.
resource "google_service_account_iam_member" "release_acts_as" {
  for_each = {
    build  = google_service_account.build.name
    worker = google_service_account.worker.name
  }
  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.release.member
}

# Smoke pushes carry an identity token of the push account, as Pub/Sub's do.
resource "google_service_account_iam_member" "release_makes_push_tokens" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.release.member
}

resource "google_iam_workload_identity_pool" "github" {
  count                     = var.github_repository == "" ? 0 : 1
  workload_identity_pool_id = "${var.name}-github"
  display_name              = "GitHub Actions"

  depends_on = [google_project_service.needed]
}

# Only jobs of the repository's environment `production` get in; its protection rules decide which branches and tags those are.
resource "google_iam_workload_identity_pool_provider" "github" {
  #checkov:skip=CKV_GCP_125:the subject names repository and environment; checkov reads the variable's empty default
  count                              = var.github_repository == "" ? 0 : 1
  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_condition                = "assertion.sub == 'repo:${var.github_repository}:environment:production'"
  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "github_releases" {
  count              = var.github_repository == "" ? 0 : 1
  service_account_id = google_service_account.release.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github[0].name}/attribute.repository/${var.github_repository}"
}
