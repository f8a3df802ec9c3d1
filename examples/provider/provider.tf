provider "dcos" {
  ssh = {
    user        = "centos"
    private_key = file("~/.ssh/id_ed25519")

    # Hosts without a public address are reached through others, in this order.
    jump_hosts = [
      { address = "jump.example.com", user = "ops" },
    ]
  }

  # Everything that is done to every host, one JSON object a line.
  run_log = "run.jsonl"
}
