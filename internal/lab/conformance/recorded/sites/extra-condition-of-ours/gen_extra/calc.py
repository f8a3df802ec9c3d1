entry = {'conditional': {'oauth_enabled': {'true': {'must': {'extra': 'x'}}}}}
