data "dcos_release" "current" {
  source = "dcos_generate_config.sh"
}

output "version" {
  value = data.dcos_release.current.version
}
