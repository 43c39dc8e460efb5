resource "google_pubsub_schema" "reading" {
  count      = var.enforce_schema ? 1 : 0
  name       = "${var.name}-reading"
  type       = "AVRO"
  definition = file("${path.module}/reading.avsc")

  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic" "readings" {
  #checkov:skip=CKV_GCP_83:Google's own keys encrypt readings, and a key of one's own is one more thing to lose them by
  name = var.topic

  # A subscription can be sought back a week, even to messages that it has acknowledged.
  message_retention_duration = "604800s"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  dynamic "schema_settings" {
    for_each = google_pubsub_schema.reading[*].id
    content {
      schema   = schema_settings.value
      encoding = "JSON"
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic" "dead_letters" {
  #checkov:skip=CKV_GCP_83:Google's own keys encrypt readings, and a key of one's own is one more thing to lose them by
  name = "${var.topic}-dead-letter"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.needed]
}

# A topic without a subscription drops its messages: this one keeps dead letters for 31 days.
resource "google_pubsub_subscription" "dead_letters_kept" {
  name                       = "${var.topic}-dead-letter-kept"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic" "results" {
  #checkov:skip=CKV_GCP_83:Google's own keys encrypt readings, and a key of one's own is one more thing to lose them by
  count = local.has_result_topic ? 1 : 0
  name  = "${var.topic}-results"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.needed]
}
