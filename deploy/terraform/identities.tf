# Two accounts, each with the permissions that it needs and no more: the worker writes, the push account invokes it.
# The accounts of a release are in release.tf.

resource "google_service_account" "worker" {
  account_id   = "${var.name}-worker"
  display_name = "Rookery worker"
  description  = "Writes predictions and rejections; reads the model."

  depends_on = [google_project_service.needed]
}

resource "google_service_account" "push" {
  account_id   = "${var.name}-push"
  display_name = "Rookery push"
  description  = "Pub/Sub sends its token with each push; may invoke the worker, nothing else."

  depends_on = [google_project_service.needed]
}

resource "google_cloud_run_v2_service_iam_member" "push_invokes" {
  count    = var.mode == "push" ? 1 : 0
  name     = google_cloud_run_v2_service.worker[0].name
  location = google_cloud_run_v2_service.worker[0].location
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}

# Objects are named after their content and written with the precondition that none exists. Storage checks the permission
# to delete before the precondition: without it, every redelivery would get 403, not 412. After a 412 the worker gets the
# object's name, to see that it is there. The worker can list nothing.
resource "google_project_iam_custom_role" "object_writer" {
  role_id     = replace("${var.name}_object_writer", "-", "_")
  title       = "Rookery object writer"
  permissions = ["storage.objects.create", "storage.objects.delete", "storage.objects.get"]

  depends_on = [google_project_service.needed]
}

resource "google_storage_bucket_iam_member" "worker_writes" {
  bucket = google_storage_bucket.results.name
  role   = google_project_iam_custom_role.object_writer.id
  member = google_service_account.worker.member
}

# A compaction lists, reads, writes and deletes.
resource "google_storage_bucket_iam_member" "operators" {
  for_each = var.operators
  bucket   = google_storage_bucket.results.name
  role     = "roles/storage.objectUser"
  member   = each.value
}

# The worker polls the model's generation, and reads the model when it changes.
resource "google_storage_bucket_iam_member" "worker_reads_models" {
  bucket = google_storage_bucket.models.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.worker.member
}

resource "google_pubsub_subscription_iam_member" "worker_pulls" {
  count        = var.mode == "pull" ? 1 : 0
  subscription = google_pubsub_subscription.worker.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.worker.member
}

resource "google_pubsub_topic_iam_member" "worker_publishes" {
  count  = local.has_result_topic ? 1 : 0
  topic  = google_pubsub_topic.results[0].name
  role   = "roles/pubsub.publisher"
  member = google_service_account.worker.member
}

# The metrics sidecar runs as the worker's account, and writes metrics and its own log.
resource "google_project_iam_member" "worker_writes_metrics" {
  for_each = toset(["roles/logging.logWriter", "roles/monitoring.metricWriter"])
  project  = var.project
  role     = each.value
  member   = google_service_account.worker.member
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = var.publishers
  topic    = google_pubsub_topic.readings.name
  role     = "roles/pubsub.publisher"
  member   = each.value
}

resource "google_pubsub_topic_iam_member" "agent_forwards" {
  topic  = google_pubsub_topic.dead_letters.name
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "agent_takes" {
  subscription = google_pubsub_subscription.worker.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# Pub/Sub makes the push account's tokens.
resource "google_service_account_iam_member" "agent_signs" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}
