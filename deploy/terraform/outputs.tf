output "topic" {
  description = "Topic of the readings: rookery publish file FILE --topic ..."
  value       = google_pubsub_topic.readings.id
}

output "worker" {
  description = "The worker's address; none with mode = \"pull\"."
  value       = one(google_cloud_run_v2_service.worker[*].uri)
}

output "repository" {
  description = "Artifact Registry repository of the images."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "push_service_account" {
  description = "Account whose token the pushes carry: deploy/release deploy --push-service-account ..."
  value       = google_service_account.push.email
}

output "results" {
  description = "Address of the predictions."
  value       = local.results
}

output "rejects" {
  description = "Address of the rejections."
  value       = local.rejects
}

output "models" {
  description = "Bucket for models: rookery model push FILE gs://..."
  value       = "gs://${google_storage_bucket.models.name}"
}

output "release_service_account" {
  description = "Account of releases: the variable GCP_RELEASE_SERVICE_ACCOUNT of the GitHub environment `production`."
  value       = google_service_account.release.email
}

output "workload_identity_provider" {
  description = "GitHub's way in: the variable GCP_WORKLOAD_IDENTITY_PROVIDER of the GitHub environment `production`."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}
