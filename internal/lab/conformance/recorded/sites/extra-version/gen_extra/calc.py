entry = {'must': {'dcos_version': '9.9.9'}}
