entry = {'default': {'platform': 'own', 'resolvers': '[]'}}
