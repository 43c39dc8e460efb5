# results = "topic": a prediction is durable once it is published. Pub/Sub writes the topic into the bucket, in files of five
# minutes; the table of bigquery.tf is written beside it.
resource "google_pubsub_subscription" "result_files" {
  count = var.results == "topic" ? 1 : 0
  name  = "${var.topic}-results-files"
  topic = google_pubsub_topic.results[0].id

  cloud_storage_config {
    bucket                   = google_storage_bucket.results.name
    filename_prefix          = "predictions/"
    filename_suffix          = ".ndjson"
    filename_datetime_format = "YYYY-MM-DD/hh_mm_ssZ"
    max_duration             = "300s"
    max_bytes                = 100000000
  }

  # The time in which a file is written counts.
  ack_deadline_seconds       = 600
  message_retention_duration = "604800s"

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = 100
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_storage_bucket_iam_member.agent_writes_files]
}

# Pub/Sub looks the bucket up before it writes: legacyBucketReader has that permission.
resource "google_storage_bucket_iam_member" "agent_writes_files" {
  for_each = var.results == "topic" ? toset(["roles/storage.legacyBucketReader", "roles/storage.objectCreator"]) : toset([])
  bucket   = google_storage_bucket.results.name
  role     = each.value
  member   = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "agent_takes_result_files" {
  count        = var.results == "topic" ? 1 : 0
  subscription = google_pubsub_subscription.result_files[0].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
