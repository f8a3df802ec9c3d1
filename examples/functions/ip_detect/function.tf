# A node on AWS asks the metadata service for its private address.
output "aws" {
  value = provider::dcos::ip_detect("aws")
}

# On premises: the address of an interface, or the one on the way to another host.
output "interface" {
  value = provider::dcos::ip_detect("interface:eth0")
}

output "route" {
  value = provider::dcos::ip_detect("route:10.0.0.1")
}
