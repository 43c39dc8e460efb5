terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source = "hashicorp/google"
      # The service-level max_instance_count needs 7; 7.45.0 is the oldest version whose schema was checked.
      version = ">= 7.45.0, < 9.0.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # The budget's interface asks who pays for the call itself.
  billing_project       = var.project
  user_project_override = true
}
