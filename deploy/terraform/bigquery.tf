locals {
  # Derived from the model's contract: `rookery contract bigquery MODEL --out predictions.json`.
  prediction_columns = jsondecode(file("${path.module}/predictions.json"))

  # The answer has the name of the contract's target, and stands before its probability.
  answer = local.prediction_columns[index(local.prediction_columns[*].name, "probability") - 1].name
}

resource "google_bigquery_dataset" "predictions" {
  count      = var.bigquery ? 1 : 0
  dataset_id = replace(var.name, "-", "_")
  location   = var.region

  depends_on = [google_project_service.needed]
}

resource "google_bigquery_table" "predictions" {
  count               = var.bigquery ? 1 : 0
  dataset_id          = google_bigquery_dataset.predictions[0].dataset_id
  table_id            = "predictions"
  deletion_protection = var.deletion_protection
  clustering          = [local.answer, "device_id"]

  time_partitioning {
    type  = "DAY"
    field = "predicted_at"
  }

  schema = file("${path.module}/predictions.json")
}

# Pub/Sub delivers at least once, so that the table holds duplicates; the view has each reading once, as the readers do.
resource "google_bigquery_table" "readings" {
  count               = var.bigquery ? 1 : 0
  dataset_id          = google_bigquery_dataset.predictions[0].dataset_id
  table_id            = "readings"
  deletion_protection = false

  view {
    use_legacy_sql = false
    query          = <<-SQL
      SELECT * FROM `${var.project}.${google_bigquery_table.predictions[0].dataset_id}.${google_bigquery_table.predictions[0].table_id}`
      WHERE TRUE
      QUALIFY ROW_NUMBER() OVER (PARTITION BY reading_id ORDER BY predicted_at) = 1
    SQL
  }
}

resource "google_bigquery_dataset_iam_member" "agent_writes" {
  count      = var.bigquery ? 1 : 0
  dataset_id = google_bigquery_dataset.predictions[0].dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = local.pubsub_agent
}

resource "google_pubsub_subscription" "bigquery" {
  count = var.bigquery ? 1 : 0
  name  = "${var.topic}-results-bigquery"
  topic = google_pubsub_topic.results[0].id

  # No metadata: its message_id would overwrite the reading's own.
  bigquery_config {
    table               = "${var.project}.${google_bigquery_table.predictions[0].dataset_id}.${google_bigquery_table.predictions[0].table_id}"
    use_table_schema    = true
    drop_unknown_fields = true
  }

  # A message that does not fit the table becomes a dead letter.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = 10
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_bigquery_dataset_iam_member.agent_writes]
}

resource "google_pubsub_subscription_iam_member" "agent_takes_results" {
  count        = var.bigquery ? 1 : 0
  subscription = google_pubsub_subscription.bigquery[0].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
