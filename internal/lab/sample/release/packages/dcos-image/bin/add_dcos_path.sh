PATH="$PATH:/opt/mesosphere/bin/dcos-path"
export PATH
