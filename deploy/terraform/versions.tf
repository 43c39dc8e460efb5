terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.20"
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
