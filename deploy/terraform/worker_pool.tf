# mode = "pull": the same worker without an address. Cloud Run scales it by CPU, to 60 %, between the same bounds.
resource "google_cloud_run_v2_worker_pool" "worker" {
  count               = var.mode == "pull" ? 1 : 0
  name                = "${var.name}-worker"
  location            = var.region
  deletion_protection = var.deletion_protection

  scaling {
    scaling_mode       = "AUTOMATIC"
    min_instance_count = var.min_instances
    max_instance_count = var.max_instances
  }

  template {
    service_account = google_service_account.worker.email

    containers {
      name  = "worker"
      image = var.image

      resources {
        limits = {
          cpu    = var.cpu
          memory = var.memory
        }
      }

      dynamic "env" {
        for_each = local.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 60
        http_get {
          path = "/readyz"
          port = 8080
        }
      }

      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/livez"
          port = 8080
        }
      }
    }

    containers {
      name       = "metrics"
      image      = var.collector
      depends_on = ["worker"]

      resources {
        limits = {
          cpu    = "0.1"
          memory = "256Mi"
        }
      }
    }
  }

  # As with the service: deploy/release decides which image runs in how many of the instances.
  lifecycle {
    ignore_changes = [
      client,
      client_version,
      instance_splits,
      template[0].containers[0].image,
      template[0].labels,
    ]
  }

  # A worker whose subscription is missing, or may not be read, ends with exit code 2.
  depends_on = [
    google_project_service.needed,
    google_pubsub_subscription.worker,
    google_pubsub_subscription_iam_member.worker_pulls,
  ]
}
