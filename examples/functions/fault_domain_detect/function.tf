output "azure" {
  value = provider::dcos::fault_domain_detect("azure")
}
