# One policy per section of docs/operations.md, which says under the alert's name what it means and what to do.

locals {
  push = "monitored_resource=\"pubsub_subscription\",subscription_id=\"${google_pubsub_subscription.worker.name}\""
  kept = "monitored_resource=\"pubsub_subscription\",subscription_id=\"${google_pubsub_subscription.dead_letters_kept.name}\""

  # A worker pool gets no pushes, and a service opens no streams.
  of_pushes = ["push_latency", "ack_share"]
  of_pulls  = ["no_listener"]

  alerts = {
    backlog_age = {
      title    = "Backlog age"
      says     = "The oldest reading has been unacknowledged for more than five minutes."
      severity = "CRITICAL"
      lasts    = "300s"
      query    = "max(pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local.push}}) > 300"
    }
    dead_letters = {
      title    = "Dead letters"
      says     = "A message used up its delivery attempts: it is kept in ${google_pubsub_subscription.dead_letters_kept.name}."
      severity = "ERROR"
      lasts    = "0s"
      query    = "max(pubsub_googleapis_com:subscription_num_undelivered_messages{${local.kept}}) > 0"
    }
    reject_share = {
      title    = "Reject share"
      says     = "More than 5 % of the readings of ten minutes were rejected."
      severity = "WARNING"
      lasts    = "300s"
      query    = "sum(rate(rookery_readings_total{outcome=\"rejected\"}[10m])) / sum(rate(rookery_readings_total[10m])) > 0.05"
    }
    push_latency = {
      title    = "Push latency"
      says     = "A push takes more than one second on average: the push window closes."
      severity = "CRITICAL"
      lasts    = "300s"
      query    = "sum(rate(pubsub_googleapis_com:subscription_push_request_latencies_sum{${local.push}}[5m])) / sum(rate(pubsub_googleapis_com:subscription_push_request_latencies_count{${local.push}}[5m])) > 1000000"
    }
    ack_share = {
      title    = "Ack share"
      says     = "Fewer than 99 % of the pushes are acknowledged: the whole subscription backs off."
      severity = "CRITICAL"
      lasts    = "300s"
      # The share of the others: where no push is acknowledged there is no series of acknowledgements, and no result.
      query = "sum(rate(pubsub_googleapis_com:subscription_push_request_count{${local.push},response_class!=\"ack\"}[5m])) / sum(rate(pubsub_googleapis_com:subscription_push_request_count{${local.push}}[5m])) > 0.01"
    }
    no_listener = {
      title    = "No listener"
      says     = "No worker has a stream to the subscription open: nothing takes readings."
      severity = "CRITICAL"
      lasts    = "300s"
      # From the start there is no series; afterwards it is 0.
      query = "max(pubsub_googleapis_com:subscription_open_streaming_pulls{${local.push}}) < 1 or absent_over_time(pubsub_googleapis_com:subscription_open_streaming_pulls{${local.push}}[10m])"
    }
    no_metrics = {
      title    = "No metrics"
      says     = "No worker has written metrics for ten minutes: every alert on a rookery_... metric is blind."
      severity = "ERROR"
      lasts    = "300s"
      # Without an instance that is always there, no metrics are right as long as nothing is pushed.
      query = var.min_instances > 0 ? "absent_over_time(rookery_readings_total[10m])" : "sum(rate(pubsub_googleapis_com:subscription_push_request_count{${local.push}}[10m])) > 0 and absent_over_time(rookery_readings_total[10m])"
    }
    model_degraded = {
      title    = "Model degraded"
      says     = "The worker serves another model than the configured one."
      severity = "ERROR"
      lasts    = "300s"
      query    = "max(rookery_model_degraded) > 0"
    }
    drift = {
      title    = "Drift"
      says     = "The distribution of recent readings differs from the training data (population stability index above 0.25)."
      severity = "WARNING"
      lasts    = "1800s"
      query    = "max by (feature) (rookery_drift_index{monitored=\"true\"}) > 0.25"
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each     = var.alert_emails
  display_name = each.value
  type         = "email"
  labels = {
    email_address = each.value
  }

  depends_on = [google_project_service.needed]
}

resource "google_monitoring_alert_policy" "rookery" {
  for_each              = { for name, alert in local.alerts : name => alert if !contains(var.mode == "push" ? local.of_pulls : local.of_pushes, name) }
  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]

  conditions {
    display_name = each.value.says

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.lasts
      evaluation_interval = "60s"
      # The collector's first samples make a metric known; a policy must not wait for them.
      disable_metric_validation = true
    }
  }

  documentation {
    subject   = "${var.name}: ${each.value.title}"
    content   = "${each.value.says} [Runbook](${var.runbook}#${replace(lower(each.value.title), " ", "-")})"
    mime_type = "text/markdown"

    links {
      display_name = "Runbook: ${each.value.title}"
      url          = "${var.runbook}#${replace(lower(each.value.title), " ", "-")}"
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_project_service.needed]
}

# A warning of plan and apply, not an error: a test project may do without.
check "alerts_are_received" {
  assert {
    condition     = length(var.alert_emails) > 0
    error_message = "alert_emails is empty: alerts open, and no one is notified."
  }
}
