# A release that was rebuilt.
entry = {
    'must': {'dcos_variant': 'own', 'extra_fixed': 'f' "ixed\n"},
    'default': {'extra_option': 'on', 'weights': 'w=1', 'extra_unused': ''},
    'secret': ['extra_option', 'weights'],
    'conditional': {'extra_option': {'on': {}, 'off': {'must': {'extra_note': 'x'}, 'default': {'extra_more': 'y'}, 'secret': [], 'validate': []}}},
}
