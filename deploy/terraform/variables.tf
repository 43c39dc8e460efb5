variable "project" {
  description = "Google Cloud project that everything is made in."
  type        = string
}

variable "region" {
  description = "Region of the service, the bucket, the registry and the data set; one region, so that nothing crosses a border that costs."
  type        = string
  default     = "europe-west1"
}

variable "name" {
  description = "First part of every name."
  type        = string
  default     = "rookery"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "Lower case letters, digits and hyphens, 3 to 20: service accounts are named after it."
  }
}

variable "image" {
  description = "Image of the first revision. Afterwards deploy/release decides which image runs, and Terraform leaves it alone."
  type        = string
}

variable "collector" {
  description = "Image of Google's collector, which reads http://localhost:8080/metrics every 30 s. The default is the tag of Google's own example; a tag that is not in Google's registry stops the deployment."
  type        = string
  default     = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar:1.2.0"
}

variable "model" {
  description = "Where the worker's model is: gs://bucket/object, or empty for the one in the image. A new generation is picked up without a release."
  type        = string
  default     = ""
}

variable "mode" {
  description = "How the worker gets readings: \"push\" to a Cloud Run service, or \"pull\" by a worker pool, which needs no public address, has no push window, and writes fewer and larger objects."
  type        = string
  default     = "push"

  validation {
    condition     = contains(["push", "pull"], var.mode)
    error_message = "push or pull."
  }
}

variable "results" {
  description = "Where predictions become durable: objects of the worker's in the \"bucket\", or the result \"topic\", which a Cloud Storage subscription writes into the bucket in files of five minutes."
  type        = string
  default     = "bucket"

  validation {
    condition     = contains(["bucket", "topic"], var.results)
    error_message = "bucket or topic."
  }
}

variable "topic" {
  description = "Topic that readings are published to."
  type        = string
  default     = "readings"
}

variable "publishers" {
  description = "Members that may publish readings, such as serviceAccount:mast@PROJECT.iam.gserviceaccount.com."
  type        = set(string)
  default     = []
}

variable "operators" {
  description = "Members that may read, delete and compact predictions and rejections (rookery results compact), such as user:ranger@example.org."
  type        = set(string)
  default     = []
}

variable "enforce_schema" {
  description = "Let Pub/Sub refuse every message that is not one complete reading. Off: Avro's JSON knows neither tables nor values left out, and the worker explains what it rejects, which Pub/Sub does not."
  type        = bool
  default     = false
}

variable "results_topic" {
  description = "Also publish predictions to a topic of their own; results = \"topic\" publishes them there alone."
  type        = bool
  default     = false
}

variable "bigquery" {
  description = "Also write the result topic into a BigQuery table (needs results_topic, or results = \"topic\")."
  type        = bool
  default     = false

  validation {
    condition     = !var.bigquery || var.results_topic || var.results == "topic"
    error_message = "bigquery needs results_topic, or results = \"topic\": the table is fed by a subscription to that topic."
  }
}

variable "ack_deadline_seconds" {
  description = "How long Pub/Sub waits for the worker's answer to a push. 60: a cold start and a slow write to storage fit in it twice."
  type        = number
  default     = 60

  validation {
    condition     = var.ack_deadline_seconds >= 20 && var.ack_deadline_seconds <= 600
    error_message = "20 to 600 seconds."
  }
}

variable "max_delivery_attempts" {
  description = "Attempts before a message becomes a dead letter, 5 to 100. 100: the worker nacks only what a later attempt may deliver; at a minute's backoff they last longer than an hour's outage."
  type        = number
  default     = 100
}

variable "concurrency" {
  description = "Pushes in flight at once in one instance. 250: a push waits about 0.3 s for its object, so that one instance takes some 800 a second, with no more than 64 MiB of payload inside (ROOKERY_QUEUE_BYTES)."
  type        = number
  default     = 250
}

variable "cpu" {
  description = "CPUs of an instance. 1: one event loop and one booster thread; more instances scale further than more CPUs."
  type        = string
  default     = "1"
}

variable "memory" {
  description = "Memory of an instance. 1Gi: about 170 MB idle, 64 MiB of queued payload, and a large table being decoded."
  type        = string
  default     = "1Gi"
}

variable "min_instances" {
  description = "Instances that are always there, of all revisions together. 1: the push window closes on cold starts; it is the idle bill, about 58 dollars a month. 0 saves it where minutes of latency are fine; a worker pool needs 1, because it scales by CPU alone."
  type        = number
  default     = 1

  validation {
    condition     = var.mode == "push" || var.min_instances >= 1
    error_message = "mode = \"pull\" needs at least 1: no message starts the first instance of a worker pool."
  }
}

variable "max_instances" {
  description = "Instances at most, of all revisions together; it bounds the cost of a burst of readings. A change takes effect at once."
  type        = number
  default     = 20
}

variable "retention_days" {
  description = "Days until predictions and rejections are deleted; 0 keeps them. Soft delete keeps a deleted object for 7 days more."
  type        = number
  default     = 0
}

variable "deletion_protection" {
  description = "Refuse to destroy the service, and the bucket while it holds something."
  type        = bool
  default     = true
}

variable "runbook" {
  description = "Address of the runbook; each alert links to its section."
  type        = string
  default     = "https://github.com/rookery/rookery/blob/main/docs/operations.md"
}

variable "alert_emails" {
  description = "E-mail addresses that are notified when an alert opens."
  type        = set(string)
  default     = []
}

variable "billing_account" {
  description = "Billing account of the budget; empty makes none."
  type        = string
  default     = ""
}

variable "monthly_budget" {
  description = "Whole units of the billing account's currency a month; notifications at 50, 90 and 100 %, and when the forecast is above it. 120: the idle instance of about 58 dollars stays below the first notification."
  type        = number
  default     = 120
}

variable "github_repository" {
  description = "GitHub repository whose releases may deploy, such as owner/rookery; empty makes no workload identity."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.github_repository))
    error_message = "owner/name, without https://github.com/."
  }
}
