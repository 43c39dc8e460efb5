locals {
  instances = var.mode == "pull" ? "monitored_resource=\"cloud_run_worker_pool\",worker_pool_name=\"${var.name}-worker\"" : "monitored_resource=\"cloud_run_revision\",service_name=\"${var.name}-worker\""

  charts = [
    { title = "Readings a second, by outcome", query = "sum by (outcome) (rate(rookery_readings_total[5m]))" },
    { title = "Age of the oldest unacknowledged reading (s)", query = "max(pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local.push}})" },
    { title = "Push: responses a second, by class", query = "sum by (response_class) (rate(pubsub_googleapis_com:subscription_push_request_count{${local.push}}[5m]))" },
    { title = "Push: mean latency (us)", query = "sum(rate(pubsub_googleapis_com:subscription_push_request_latencies_sum{${local.push}}[5m])) / sum(rate(pubsub_googleapis_com:subscription_push_request_latencies_count{${local.push}}[5m]))" },
    { title = "Batch size, mean", query = "sum(rate(rookery_batch_rows_sum[5m])) / sum(rate(rookery_batch_rows_count[5m]))" },
    { title = "End-to-end latency, p99 (s)", query = "histogram_quantile(0.99, sum by (le) (rate(rookery_end_to_end_latency_seconds_bucket[5m])))" },
    { title = "Sink write, p99 (s)", query = "histogram_quantile(0.99, sum by (le) (rate(rookery_sink_write_seconds_bucket[5m])))" },
    { title = "Retries a second, by cause", query = "sum by (cause) (rate(rookery_retries_total[5m]))" },
    { title = "Out-of-distribution share", query = "sum(rate(rookery_out_of_distribution_total[1h])) / sum(rate(rookery_readings_total{outcome=\"predicted\"}[1h]))" },
    { title = "Drift, by feature: above 0.25 is another population", query = "max by (feature) (rookery_drift_index)" },
    { title = "Models served", query = "sum by (model) (rookery_model_info)" },
    { title = "Instances, by state", query = "sum by (state) (run_googleapis_com:container_instance_count{${local.instances}})" },
  ]
}

resource "google_monitoring_dashboard" "rookery" {
  dashboard_json = jsonencode({
    displayName = "Rookery: ${var.name}"
    mosaicLayout = {
      columns = 48
      tiles = [
        for number, chart in local.charts : {
          xPos   = number % 2 * 24
          yPos   = (number - number % 2) * 8
          width  = 24
          height = 16
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType        = "LINE"
                timeSeriesQuery = { prometheusQuery = chart.query }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.needed]
}
