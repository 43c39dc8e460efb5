resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:the image is built from public sources; Google's own keys suffice
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the worker"

  # A tag is a commit, and a commit is one image.
  docker_config {
    immutable_tags = true
  }

  # Images that no revision uses cost only storage; the last ten are kept for rollbacks.
  cleanup_policies {
    id     = "keep-ten"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "7776000s"
    }
  }

  depends_on = [google_project_service.needed]
}
