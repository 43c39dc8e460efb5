resource "google_pubsub_subscription" "worker" {
  name                 = "${var.topic}-worker"
  topic                = google_pubsub_topic.readings.id
  ack_deadline_seconds = var.ack_deadline_seconds

  # Unacknowledged readings are kept for a week: longer than an outage over the longest weekend.
  message_retention_duration = "604800s"

  # Without a service, a worker pool pulls.
  dynamic "push_config" {
    for_each = google_cloud_run_v2_service.worker[*].uri
    content {
      push_endpoint = "${push_config.value}/"

      oidc_token {
        service_account_email = google_service_account.push.email
        audience              = push_config.value
      }
    }
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = var.max_delivery_attempts
  }

  # Without this, Google deletes a subscription that was idle for 31 days.
  expiration_policy {
    ttl = ""
  }

  # Pub/Sub can push only with the invoker role and the right to create the push account's token.
  depends_on = [
    google_cloud_run_v2_service_iam_member.push_invokes,
    google_service_account_iam_member.agent_signs,
    google_pubsub_topic_iam_member.agent_forwards,
  ]
}
