locals {
  results = "gs://${google_storage_bucket.results.name}/predictions"
  rejects = "gs://${google_storage_bucket.results.name}/rejections"
}

resource "google_storage_bucket" "results" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs say who reads; usage logs would cost an object an hour and tell less
  #checkov:skip=CKV_GCP_78:objects are written once under their content's name; soft delete keeps deleted objects for a week
  name                        = "${var.project}-${var.name}-results"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # A deleted object can be restored for a week, and is billed and readable by restoration for as long.
  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  # No cheaper storage class with age: the change of a class is a write per object, dearer than a year of these small ones.

  dynamic "lifecycle_rule" {
    for_each = var.retention_days > 0 ? [var.retention_days] : []
    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_storage_bucket" "models" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs say who reads; usage logs would cost an object an hour and tell less
  name                        = "${var.project}-${var.name}-models"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # Rollback restores an archived version of the model.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 20
      with_state         = "ARCHIVED"
    }
  }

  depends_on = [google_project_service.needed]
}
