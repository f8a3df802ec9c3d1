# User data of plain Debian images, for agents of the release that is to be installed.
data "dcos_release" "this" {
  source = "dcos_generate_config.sh"
}

output "agent" {
  value = provider::dcos::cloud_init("debian", data.dcos_release.this.line, "agent")
}

# For a line that is written out, and another role.
output "master" {
  value = provider::dcos::cloud_init("debian", "2.2", "master")
}
