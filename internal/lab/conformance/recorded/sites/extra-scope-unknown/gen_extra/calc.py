entry = {'other': {}}
