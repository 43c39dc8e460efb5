locals {
  has_result_topic = var.results_topic || var.results == "topic"
  subscription     = "projects/${var.project}/subscriptions/${var.topic}-worker"

  result_places = concat(
    var.results == "bucket" ? [local.results] : [],
    [for topic in google_pubsub_topic.results : "pubsub://${var.project}/${topic.name}"],
  )

  environment = merge(
    {
      ROOKERY_RESULTS              = join(",", local.result_places)
      ROOKERY_REJECTS              = local.rejects
      ROOKERY_ACK_DEADLINE_SECONDS = tostring(var.ack_deadline_seconds)
    },
    # No push waits for an object, so that one in ten seconds is enough. The subscription refers to the service: here its name.
    var.mode == "pull" ? { ROOKERY_PULL = local.subscription, ROOKERY_FLUSH_INTERVAL_SECONDS = "10" } : { ROOKERY_PUSH_AUTH = "cloud-run-iam" },
    var.model == "" ? {} : { ROOKERY_MODEL = var.model },
  )
}

resource "google_cloud_run_v2_service" "worker" {
  count    = var.mode == "push" ? 1 : 0
  name     = "${var.name}-worker"
  location = var.region

  # Every caller reaches Cloud Run, only the push account may invoke the worker: see identities.tf.
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = var.deletion_protection

  # At the level of the service: a change takes effect at once, without a release, and a revision that has only a tag idles free.
  scaling {
    min_instance_count = var.min_instances
    max_instance_count = var.max_instances
  }

  template {
    service_account                  = google_service_account.worker.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.concurrency

    # Under the ack deadline: a push that Pub/Sub has given up on is not worth an instance's time.
    timeout = "${var.ack_deadline_seconds - 5}s"

    containers {
      name  = "worker"
      image = var.image

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = var.cpu
          memory = var.memory
        }
        # Batches, the model's refresh and the metrics go on between requests.
        cpu_idle          = false
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      # An instance gets pushes once its model has passed its golden rows and its sinks take writes.
      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 60
        http_get {
          path = "/readyz"
          port = 8080
        }
      }

      # Not /readyz: a draining or waiting worker is alive.
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
        cpu_idle = false
      }
    }
  }

  # deploy/release decides which image runs and how traffic is split; gcloud marks each template with a label. The name of
  # the template's revision is not ignored: sent again with another template, Cloud Run would refuse it (409).
  lifecycle {
    ignore_changes = [
      client,
      client_version,
      template[0].containers[0].image,
      template[0].labels,
      traffic,
    ]
  }

  depends_on = [google_project_service.needed]
}
